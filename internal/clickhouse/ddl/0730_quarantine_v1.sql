CREATE TABLE IF NOT EXISTS quarantine_v1
(
  tenant_id UUID CODEC(ZSTD(1)),
  signal Enum8('unknown' = 0, 'traces' = 1, 'logs' = 2, 'metrics' = 3, 'builds' = 4, 'errors' = 5) CODEC(ZSTD(1)),
  reason LowCardinality(String) COMMENT 'as in summit_dropped_total' CODEC(ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
  service_name LowCardinality(String) CODEC(ZSTD(1)),
  detail String COMMENT 'what is wrong, in words' CODEC(ZSTD(1)),
  items UInt32 COMMENT 'spans, records or points in the payload' CODEC(ZSTD(1)),
  payload String COMMENT 'the items as OTLP protobuf, with resource and scope' CODEC(ZSTD(3)),
  retention_days UInt16 DEFAULT 7 CODEC(ZSTD(1)),
  ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY (toDate(received_at), retention_days)
ORDER BY (tenant_id, signal, reason, received_at)
TTL toDate(received_at) + toIntervalDay(retention_days)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, auto_statistics_types = ''
