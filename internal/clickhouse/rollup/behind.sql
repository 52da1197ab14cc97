SELECT toUnixTimestamp(window) AS at
FROM
(
  SELECT toStartOfFiveMinutes(timestamp) AS window, count() AS samples
  FROM metrics_runtime_v1
  WHERE ts_bucket >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND timestamp >= toDateTime({from:UInt32}, 'UTC') AND timestamp < toDateTime({to:UInt32}, 'UTC')
    AND bitAnd(flags, 1) = 0 AND NOT isNaN(value)
  GROUP BY window
) AS raw
LEFT JOIN
(
  SELECT timestamp AS window, sum(samples) AS samples
  FROM metrics_runtime_5m_v1 FINAL
  WHERE timestamp >= toDateTime({from:UInt32}, 'UTC') AND timestamp < toDateTime({to:UInt32}, 'UTC')
  GROUP BY window
) AS done USING (window)
WHERE raw.samples != done.samples
ORDER BY at
SETTINGS max_threads = 1
