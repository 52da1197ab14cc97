SELECT error_groups_v1.error_fp, sum(error_groups_v1.events) AS events
FROM error_groups_v1
WHERE (error_groups_v1.tenant_id = {p1:UUID})
GROUP BY error_groups_v1.error_fp
HAVING (max(error_groups_v1.last_seen) >= {p2:DateTime64(9, 'UTC')}) AND (min(error_groups_v1.first_seen) < {p3:DateTime64(9, 'UTC')})
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 10:30:00.000000000
-- p3 = 2026-03-01 11:30:00.000000000
