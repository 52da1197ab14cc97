SELECT fp, sum(v) AS total
FROM (SELECT metrics_runtime_v1.series_fp AS fp, metrics_runtime_v1.value AS v
FROM metrics_runtime_v1
WHERE (metrics_runtime_v1.tenant_id = {p1:UUID}) AND (metrics_runtime_v1.ts_bucket >= {p2:DateTime('UTC')}) AND (metrics_runtime_v1.ts_bucket <= {p3:DateTime('UTC')}) AND (metrics_runtime_v1.timestamp >= {p4:DateTime64(9, 'UTC')}) AND (metrics_runtime_v1.timestamp < {p5:DateTime64(9, 'UTC')}) AND (metrics_runtime_v1.series_fp IN (SELECT metric_series_v1.series_fp
FROM metric_series_v1
WHERE (metric_series_v1.tenant_id = {p6:UUID}) AND (metric_series_v1.day >= {p7:Date}) AND (metric_series_v1.day <= {p8:Date}) AND (has(metric_series_v1.label_items, {p9:String})))))
GROUP BY fp
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 09:30:00
-- p3 = 2026-03-01 11:30:00
-- p4 = 2026-03-01 10:30:00.000000000
-- p5 = 2026-03-01 11:30:00.000000000
-- p6 = 00000000-0000-4000-8000-000000000001
-- p7 = 2026-03-01
-- p8 = 2026-03-01
-- p9 = job=api
