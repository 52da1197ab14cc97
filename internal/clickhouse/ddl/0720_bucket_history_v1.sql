CREATE TABLE IF NOT EXISTS bucket_history_v1
(
  tenant_id UUID CODEC(ZSTD(1)),
  table_name LowCardinality(String) COMMENT 'whose ts_bucket' CODEC(ZSTD(1)),
  valid_from DateTime('UTC') COMMENT 'rows with a timestamp from here on have this width, until the next entry; a multiple of both widths' CODEC(ZSTD(1)),
  width_s UInt32 COMMENT 'seconds: 10, 60, 300, 900, 3600, 21600 or 86400' CODEC(ZSTD(1)),
  updated_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1)),
  retention_days UInt16 DEFAULT 800 COMMENT 'longer than any row whose width it tells' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (tenant_id, table_name, valid_from)
TTL toDate(updated_at) + toIntervalDay(retention_days)
SETTINGS non_replicated_deduplication_window = 10000, auto_statistics_types = ''
