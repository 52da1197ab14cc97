ALTER TABLE events_trace_v1 MODIFY COLUMN parent_span_id CODEC(ZSTD(3)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 1048576)
