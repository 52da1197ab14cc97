SELECT events_trace_v1.span_name AS name, quantileExact(0.95)(events_trace_v1.duration_ns) AS p95
FROM events_trace_v1
WHERE (events_trace_v1.tenant_id = {p1:UUID}) AND (events_trace_v1.ts_bucket >= {p2:DateTime('UTC')}) AND (events_trace_v1.ts_bucket <= {p3:DateTime('UTC')}) AND (events_trace_v1.timestamp >= {p4:DateTime64(9, 'UTC')}) AND (events_trace_v1.timestamp < {p5:DateTime64(9, 'UTC')})
GROUP BY name
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 10:25:00
-- p3 = 2026-03-01 11:30:00
-- p4 = 2026-03-01 10:30:00.000000000
-- p5 = 2026-03-01 11:30:00.000000000
