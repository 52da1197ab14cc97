// Package querytest fills the real engine with rows for the tests of queryd's packages. It is imported by tests only.
package querytest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/queryd/access"
)

// Row is a row by column name; columns left out take their defaults.
type Row map[string]any

// Caller is the default tenant's, who may see everything.
var Caller = access.Caller{Tenant: tenant.Default, Rows: sqlbuild.AllRows()}

// Insert writes rows of one shape. A row without tenant_id is the default tenant's.
func Insert(t testing.TB, s clickhouse.Store, table string, rows ...Row) {
	t.Helper()
	for _, row := range rows {
		if row["tenant_id"] == nil {
			row["tenant_id"] = uuid.UUID(tenant.Default)
		}
	}
	columns := slices.Sorted(maps.Keys(rows[0]))
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = "`" + c + "`"
	}
	batch, err := s.Conn().PrepareBatch(context.Background(), fmt.Sprintf("INSERT INTO %s (%s)", table, strings.Join(quoted, ", ")))
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, columns, slices.Sorted(maps.Keys(row)), "rows of one call have the same columns")
		values := make([]any, len(columns))
		for i, c := range columns {
			values[i] = row[c]
		}
		require.NoError(t, batch.Append(values...))
	}
	require.NoError(t, batch.Send())
}

// ID16 makes a trace id or fingerprint from a name, as the store holds it.
func ID16(name string) string {
	h := sha256.Sum256([]byte(name))
	return string(h[:16])
}

// Hex is the id as the API shows it.
func Hex(id string) string { return fmt.Sprintf("%x", id) }

// Print is the fingerprint as the API shows it.
func Print(fp string) string { return "v1:" + Hex(fp) }

// Bucket is the ts_bucket of a time.
func Bucket(at time.Time) time.Time { return at.Truncate(time.Minute) }

// With is the row with some columns changed.
func (r Row) With(changes Row) Row {
	out := maps.Clone(r)
	maps.Copy(out, changes)
	return out
}

// Span is a row of events_trace_v1.
func Span(trace string, id, parent uint64, service, name string, start time.Time, d time.Duration) Row {
	return Row{
		"ts_bucket": Bucket(start), "timestamp": start, "duration_ns": int64(d), "trace_id": trace, "span_id": id, "parent_span_id": parent,
		"service_name": service, "span_name": name, "kind": "server", "status": "unset", "environment": "production", "service_version": "1.4.0",
		"commit_sha": "", "build_run_id": "", "deployment_id": "", "correlation_basis": "none", "resource_fp": uint64(7), "session_id": "",
		"attrs_str": map[string]string{"http.route": "/pay"},
	}
}

// Exception is a row of events_error_v1.
func Exception(fp, trace string, span uint64, service string, at time.Time) Row {
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(fp+trace+at.String()+service))
	return Row{
		"ts_bucket": at.Truncate(time.Hour), "timestamp": at, "event_id": id, "error_fp": fp, "error_fp_version": uint8(1), "service_name": service,
		"environment": "production", "service_version": "1.4.0", "commit_sha": "", "build_run_id": "", "deployment_id": "",
		"correlation_basis": "none", "source": "span_event", "level": "error", "handled": "unhandled", "exception_type": "TypeError",
		"exception_message": "x is undefined", "culprit": "pay in cart.js", "trace_id": trace, "span_id": span, "source_index": uint16(0),
		"session_id": "", "user_hash": "", "resource_fp": uint64(7), "frames.module": []string{"cart"}, "frames.function": []string{"pay"},
		"frames.file": []string{"cart.js"}, "frames.line": []uint32{12}, "frames.col": []uint32{3}, "frames.in_app": []bool{true},
		"frames.context": []string{""},
	}
}

// BuildRow is a row of metrics_build_v1 of the run github:github.com:acme/shop:<run>:1.
func BuildRow(entity, run, id string, created time.Time) Row {
	return Row{
		"entity": entity, "provider": "github", "host": "github.com", "repo": "acme/shop", "run_id": run, "attempt": uint16(1), "entity_id": id,
		"parent_id": "", "pipeline": "ci", "name": id, "branch": "main", "commit_sha": "", "status": "success", "created_at": created,
		"started_at": created.Add(2 * time.Second), "finished_at": created.Add(62 * time.Second), "updated_at": created.Add(62 * time.Second),
		"queued_ms": uint64(2000), "duration_ms": uint64(60_000), "digest": "", "flaky": false, "version": uint64(1),
	}
}

// RunID is the id of a run made by BuildRow.
func RunID(run string) string { return "github:github.com:acme/shop:" + run + ":1" }
