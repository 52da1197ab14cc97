SELECT lower(leftPad(hex(events_trace_v1.trace_id), 32, '0')) AS trace, max(events_trace_v1.timestamp) AS newest
FROM events_trace_v1
WHERE (events_trace_v1.tenant_id = {p1:UUID}) AND (events_trace_v1.ts_bucket >= {p2:DateTime('UTC')}) AND (events_trace_v1.ts_bucket <= {p3:DateTime('UTC')}) AND (events_trace_v1.timestamp >= {p4:DateTime64(9, 'UTC')}) AND (events_trace_v1.timestamp < {p5:DateTime64(9, 'UTC')}) AND (events_trace_v1.service_name = {p6:String}) AND (events_trace_v1.attrs_str[{p7:String}] = {p8:String})
GROUP BY trace
ORDER BY newest DESC, trace DESC
LIMIT 50
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 10:25:00
-- p3 = 2026-03-01 11:30:00
-- p4 = 2026-03-01 10:30:00.000000000
-- p5 = 2026-03-01 11:30:00.000000000
-- p6 = check'out
-- p7 = user.id
-- p8 = a\tb\\c
