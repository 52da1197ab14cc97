package embedded

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse"
)

const configName = "engine.xml"

// mergeNice makes merges give way to inserts, whose rows somebody waits for, where the two compete for a processor. The
// engine takes it only where it has CAP_SYS_NICE, otherwise merges are as important as all else.
const mergeNice = 10

// writeConfig writes the engine's server configuration: caches and pools of a server with hundreds of users would cost
// an idle process most of its memory. The cleaning of parts would take up to 128 threads, of which the engine keeps 1000.
func writeConfig(c Config) (string, error) {
	memory := "<max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>"
	if c.MemoryLimitBytes > 0 {
		memory = fmt.Sprintf("<max_server_memory_usage>%d</max_server_memory_usage>", c.MemoryLimitBytes)
	}
	durable := ""
	if c.Durable {
		durable = "\n    <fsync_after_insert>1</fsync_after_insert>\n    <fsync_part_directory>1</fsync_part_directory>"
	}
	// The engine refuses limits for free entries that are above the pool's size, which is threads times ratio.
	free := max(1, c.BackgroundThreads/2)
	backups := filepath.Join(c.Path, clickhouse.BackupDisk)
	if err := os.MkdirAll(backups, 0o750); err != nil {
		return "", fmt.Errorf("make the folder for backups: %w", err)
	}
	var escaped strings.Builder
	if err := xml.EscapeText(&escaped, []byte(backups)); err != nil {
		return "", fmt.Errorf("write the engine's configuration: %w", err)
	}
	text := fmt.Sprintf(`<clickhouse>
  %s
  <mark_cache_size>%d</mark_cache_size>
  <index_mark_cache_size>67108864</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
  <primary_index_cache_size>134217728</primary_index_cache_size>
  <mmap_cache_size>0</mmap_cache_size>
  <query_cache><max_size_in_bytes>67108864</max_size_in_bytes></query_cache>
  <background_pool_size>%d</background_pool_size>
  <os_threads_nice_value_merge_mutate>%d</os_threads_nice_value_merge_mutate>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <max_concurrent_queries>0</max_concurrent_queries>
  <max_thread_pool_free_size>24</max_thread_pool_free_size>
  <max_parts_cleaning_thread_pool_size>4</max_parts_cleaning_thread_pool_size>
  <merge_tree>%s
    <number_of_free_entries_in_pool_to_execute_mutation>%d</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>%d</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>%d</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <storage_configuration><disks><%[9]s><type>local</type><path>%[10]s/</path></%[9]s></disks></storage_configuration>
  <backups><allowed_disk>%[9]s</allowed_disk><allowed_path>%[10]s/</allowed_path></backups>
</clickhouse>
`, memory, c.MarkCacheBytes, c.BackgroundThreads, mergeNice, durable, free, free, free, clickhouse.BackupDisk, escaped.String())
	name := filepath.Join(c.Path, configName)
	if strings.ContainsAny(name, "\x00\n") {
		return "", fmt.Errorf("the store's path %q has characters that a path can't have", c.Path)
	}
	return name, replaceFile(name, []byte(text))
}

// querySettings are settings of every connection.
var querySettings = map[string]string{
	"session_timezone":  "UTC", // the engine takes the machine's zone, whatever its configuration says
	"s3_retry_attempts": "3",   // with the default a dead object store blocks for minutes
}

func queryArgs() []string {
	var args []string
	for name, value := range querySettings {
		args = append(args, "--"+name+"="+value)
	}
	return args
}
