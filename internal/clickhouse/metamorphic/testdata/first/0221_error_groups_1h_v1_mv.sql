CREATE MATERIALIZED VIEW IF NOT EXISTS error_groups_1h_v1_mv TO error_groups_1h_v1 AS
SELECT
  tenant_id, toStartOfHour(timestamp) AS hour, error_fp, service_name, environment, service_version, commit_sha, build_run_id,
  max(e.error_fp_version) AS error_fp_version, count() AS events, sum(toFloat64(sample_weight)) AS weight, CAST(uniqCombined64IfState(12)(user_hash, user_hash != ''), 'AggregateFunction(uniqCombined64(12), String)') AS users
FROM events_error_v1 AS e
GROUP BY tenant_id, hour, error_fp, service_name, environment, service_version, commit_sha, build_run_id
