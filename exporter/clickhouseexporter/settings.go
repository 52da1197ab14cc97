package clickhouseexporter

import (
	"encoding/json"
	"fmt"
	"maps"
)

// maxRowsPerInsert is the number of rows up to which the engine makes one part per partition of an INSERT, whatever the
// block boundaries; a replay of more could be cut otherwise and be taken for other rows.
const maxRowsPerInsert = 1_048_448

// insertSettings are the settings of each INSERT. They are written into a segment when it is opened and read from there
// when it is inserted, so that a replay after an upgrade cuts the same blocks as the first attempt.
type insertSettings struct {
	Version int                          `json:"v"`
	All     map[string]string            `json:"all"`
	Table   map[string]map[string]string `json:"table,omitempty"`
}

// currentSettings are those of new segments. Why each is there: README.md, "What an INSERT carries".
func currentSettings() insertSettings {
	spans := map[string]string{"materialize_skip_indexes_on_insert": "0", "optimize_on_insert": "0"}
	return insertSettings{
		Version: 1,
		All: map[string]string{
			"async_insert": "0",
			"deduplicate_blocks_in_dependent_materialized_views": "1",
			"max_insert_threads":              "1",
			"max_partitions_per_insert_block": "0",
			"min_insert_block_size_rows":      "1048449",
			"min_insert_block_size_bytes":     "0",
		},
		Table: map[string]map[string]string{"events_trace_v1": spans, "events_error_v1": spans},
	}
}

func (s insertSettings) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the insert settings: %w", err)
	}
	return b, nil
}

func parseSettings(meta []byte) (insertSettings, error) {
	var s insertSettings
	if err := json.Unmarshal(meta, &s); err != nil {
		return s, fmt.Errorf("read the insert settings of a segment: %w", err)
	}
	if s.Version != 1 {
		return s, fmt.Errorf("segment has insert settings of version %d, this build reads 1", s.Version)
	}
	return s, nil
}

// forTable gives the settings of one INSERT.
func (s insertSettings) forTable(table, token string) map[string]string {
	all := maps.Clone(s.All)
	maps.Copy(all, s.Table[table])
	all["insert_deduplication_token"] = token
	return all
}
