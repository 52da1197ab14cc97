package migrate

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

// Cluster says how the tables of a cluster are laid out. Every table x becomes x_local, replicated inside a shard, and x
// itself, a Distributed table over the shards; statements and inserts name x in both forms of the store.
type Cluster struct {
	// Name is the cluster's name in the servers' configuration; the macro {cluster} where it is empty.
	Name string
	// KeeperPath is the prefix of the replicas' paths. Default /clickhouse/tables/{shard}/summit.
	KeeperPath string
}

const (
	localSuffix = "_local"
	// dedupSeconds is how long a replica remembers insert tokens; an hour, the default, is shorter than an outage.
	dedupSeconds = 7 * 24 * 3600
)

// shardBy names the columns whose rows must meet in one shard where that isn't the whole sorting key: a trace's rows, so
// that its index row is whole; an error group's; a session's.
var shardBy = map[string]string{
	"events_trace_v1":   "cityHash64(trace_id)",
	"trace_index_v1":    "cityHash64(trace_id)",
	"events_error_v1":   "cityHash64(tenant_id, error_fp)",
	"session_replay_v1": "cityHash64(tenant_id, session_id)",
	"sessions_v1":       "cityHash64(tenant_id, session_id)",
}

var (
	createTableForm = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\w+)`)
	createViewForm  = regexp.MustCompile(`^CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS`)
	createBaseForm  = regexp.MustCompile(`^CREATE DATABASE IF NOT EXISTS (\w+)`)
	alterForm       = regexp.MustCompile(`^ALTER TABLE (\w+)`)
	engineForm      = regexp.MustCompile(`(?m)^ENGINE = (\w*MergeTree)(?:\(([^\n]*)\))?$`)
	sortingKeyForm  = regexp.MustCompile(`(?m)^ORDER BY \(([^\n]*)\)$`)
	fromForm        = regexp.MustCompile(`(?m)\bFROM (\w+)`)
)

// Statements gives what stands for one statement on a cluster, in the order to run.
func (c Cluster) Statements(st ddl.Statement) ([]string, error) {
	switch {
	case createBaseForm.MatchString(st.SQL):
		return []string{createBaseForm.ReplaceAllString(st.SQL, "${0}"+c.on())}, nil
	case createTableForm.MatchString(st.SQL):
		return c.table(st)
	case createViewForm.MatchString(st.SQL):
		// The view lives in each shard: it reads the rows that the shard was given and feeds the shard's own target.
		sql := createViewForm.ReplaceAllString(st.SQL, "CREATE MATERIALIZED VIEW IF NOT EXISTS ${1}"+c.on()+" TO ${2}"+localSuffix+" AS")
		return []string{fromForm.ReplaceAllString(sql, "FROM ${1}"+localSuffix)}, nil
	case alterForm.MatchString(st.SQL):
		local := alterForm.ReplaceAllString(st.SQL, "ALTER TABLE ${1}"+localSuffix+c.on())
		if !strings.Contains(st.SQL, "ADD COLUMN") {
			return []string{local}, nil
		}
		return []string{local, alterForm.ReplaceAllString(st.SQL, "ALTER TABLE ${1}"+c.on())}, nil
	}
	return nil, fmt.Errorf("statement %04d_%s has no form for a cluster", st.Number, st.Name)
}

func (c Cluster) table(st ddl.Statement) ([]string, error) {
	name := createTableForm.FindStringSubmatch(st.SQL)[1]
	engine := engineForm.FindStringSubmatch(st.SQL)
	if engine == nil {
		return nil, fmt.Errorf("statement %04d_%s: no ENGINE line of the MergeTree family", st.Number, st.Name)
	}
	shard, ok := shardBy[name]
	if !ok {
		key := sortingKeyForm.FindStringSubmatch(st.SQL)
		if key == nil {
			return nil, fmt.Errorf("statement %04d_%s: no ORDER BY (…) line", st.Number, st.Name)
		}
		// Rows that replace each other have the same key, and a repeated insert goes the same ways.
		shard = "cityHash64(" + key[1] + ")"
	}
	path := c.KeeperPath
	if path == "" {
		path = "/clickhouse/tables/{shard}/summit"
	}
	arguments := fmt.Sprintf("'%s/%s', '{replica}'", strings.TrimSuffix(path, "/"), name)
	if engine[2] != "" {
		arguments += ", " + engine[2]
	}
	local := createTableForm.ReplaceAllString(st.SQL, "CREATE TABLE IF NOT EXISTS ${1}"+localSuffix+c.on())
	local = strings.Replace(local, engine[0], "ENGINE = Replicated"+engine[1]+"("+arguments+")", 1)
	local = strings.Replace(local, "non_replicated_deduplication_window = ",
		fmt.Sprintf("replicated_deduplication_window_seconds = %d, replicated_deduplication_window = ", dedupSeconds), 1)
	distributed := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s%s ENGINE = Distributed('%s', currentDatabase(), '%s%s', %s)",
		name, c.on(), name, localSuffix, c.name(), name, localSuffix, shard)
	return []string{local, distributed}, nil
}

func (c Cluster) name() string {
	if c.Name == "" {
		return "{cluster}"
	}
	return c.Name
}

func (c Cluster) on() string { return " ON CLUSTER '" + c.name() + "'" }
