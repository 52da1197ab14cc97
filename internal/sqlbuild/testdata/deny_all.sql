SELECT metrics_build_v1.run_id
FROM metrics_build_v1 FINAL
WHERE (metrics_build_v1.tenant_id = {p1:UUID}) AND (metrics_build_v1.updated_at >= {p2:DateTime64(9, 'UTC')}) AND (metrics_build_v1.created_at < {p3:DateTime64(9, 'UTC')}) AND (0)
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 10:30:00.000000000
-- p3 = 2026-03-01 11:30:00.000000000
