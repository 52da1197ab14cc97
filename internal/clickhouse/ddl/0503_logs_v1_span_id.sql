ALTER TABLE logs_v1 MODIFY COLUMN span_id CODEC(ZSTD(3)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 1048576)
