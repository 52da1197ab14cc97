INSERT INTO metrics_runtime_5m_v1 (tenant_id, metric_name, series_fp, timestamp, samples, sum, min, max, first, last, first_ts, last_ts, drops, retention_days, computed_at)
SELECT tenant_id, metric_name, series_fp, toStartOfFiveMinutes(timestamp) AS window, count(), sum(value), min(value), max(value),
  argMin(value, timestamp), argMax(value, timestamp), min(timestamp), max(timestamp),
  arraySum(arrayMap((before, after) -> if(after < before, before, 0), arrayPopBack(groupArray(value) AS values), arrayPopFront(values))),
  {retention:UInt16},
  -- Rows of a clock that was ahead are replaced too.
  greatest(now64(3), (
    SELECT max(computed_at) + toIntervalMillisecond(1)
    FROM metrics_runtime_5m_v1
    WHERE timestamp >= toDateTime({from:UInt32}, 'UTC') AND timestamp < toDateTime({to:UInt32}, 'UTC')
  ))
FROM
(
  SELECT tenant_id, metric_name, series_fp, timestamp, value
  FROM metrics_runtime_v1
  WHERE ts_bucket = toDateTime({hour:UInt32}, 'UTC') AND timestamp >= toDateTime({from:UInt32}, 'UTC') AND timestamp < toDateTime({to:UInt32}, 'UTC')
    AND bitAnd(flags, 1) = 0 AND NOT isNaN(value)
  ORDER BY tenant_id, metric_name, series_fp, timestamp
)
GROUP BY tenant_id, metric_name, series_fp, window
SETTINGS optimize_aggregation_in_order = 1, max_threads = 1
