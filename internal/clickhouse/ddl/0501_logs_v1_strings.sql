ALTER TABLE logs_v1 MODIFY SETTING string_serialization_version = 'single_stream'
