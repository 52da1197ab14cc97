SELECT lower(leftPad(hex(events_trace_v1.trace_id), 32, '0')) AS trace, max(events_trace_v1.timestamp) AS newest
FROM events_trace_v1
WHERE (events_trace_v1.tenant_id = {p1:UUID}) AND (events_trace_v1.ts_bucket >= {p2:DateTime('UTC')}) AND (events_trace_v1.ts_bucket <= {p3:DateTime('UTC')}) AND (events_trace_v1.timestamp >= {p4:DateTime64(9, 'UTC')}) AND (events_trace_v1.timestamp < {p5:DateTime64(9, 'UTC')}) AND (events_trace_v1.service_name = {p6:String}) AND (events_trace_v1.attrs_str[{p7:String}] = {p8:String})
GROUP BY trace
ORDER BY newest DESC, trace DESC
LIMIT 50
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 1772274600
-- p3 = 1772364600
-- p4 = 1772361000.000000000
-- p5 = 1772364600.000000000
-- p6 = check'out
-- p7 = user.id
-- p8 = a\tb\\c
