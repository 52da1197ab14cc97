CREATE MATERIALIZED VIEW IF NOT EXISTS error_groups_v1_mv TO error_groups_v1 AS
SELECT
  tenant_id, error_fp, service_name, environment, max(e.error_fp_version) AS error_fp_version, min(timestamp) AS first_seen, max(timestamp) AS last_seen,
  argMinState(CAST(commit_sha, 'String'), timestamp) AS first_commit, argMinState(CAST(build_run_id, 'String'), timestamp) AS first_build,
  argMaxState(CAST(commit_sha, 'String'), timestamp) AS last_commit, argMaxState(CAST(build_run_id, 'String'), timestamp) AS last_build,
  argMaxState(event_id, timestamp) AS sample_event, argMaxState(trace_id, timestamp) AS sample_trace,
  anyLast(concat(CAST(exception_type, 'String'), ': ', substring(exception_message, 1, 200))) AS title, anyLast(e.culprit) AS culprit,
  count() AS events, CAST(uniqCombined64IfState(12)(user_hash, user_hash != ''), 'AggregateFunction(uniqCombined64(12), String)') AS users, groupUniqArray(100)(CAST(service_version, 'String')) AS versions
FROM events_error_v1 AS e
GROUP BY tenant_id, error_fp, service_name, environment
