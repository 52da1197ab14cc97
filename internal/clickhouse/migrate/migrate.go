// Package migrate brings a store's schema to the statements of package ddl. It runs at the start of whatever owns the
// store, before the first row is written or read. It only adds, may be killed at any moment and run again, and does
// nothing when everything is there.
package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

// Table records which statements a store has.
const Table = "schema_migrations"

const createTable = "CREATE TABLE IF NOT EXISTS " + Table + `
(
  number UInt32,
  name String,
  sha256 FixedString(64) COMMENT 'of the statement, in hex',
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number`

// Progress is told about every statement that runs.
type Progress struct {
	Statement ddl.Statement
	// Index counts from 1 to Total, over the statements that this run has to apply.
	Index, Total int
}

// Options configure Run.
type Options struct {
	// Files are the statements. Default ddl.FS.
	Files fs.FS
	// Before is called before a statement runs, After when it has run and is not yet recorded.
	Before, After func(Progress)
}

// Result counts what a run has found and done.
type Result struct {
	Applied, Present int
	// Unknown are recorded statements that this version doesn't have: a later version was here. They only add, so this
	// version works with them.
	Unknown int
}

// ChangedError says that a statement isn't any more what was applied under its number.
type ChangedError struct {
	Number              int
	Name, RecordedName  string
	SHA256, RecordedSHA string
}

// Error names the file and says what to do.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("schema statement %04d_%s has changed since it was applied as %04d_%s (sha256 %.12s, applied %.12s): "+
		"an applied statement must stay as it is; put the change into a new file", e.Number, e.Name, e.Number, e.RecordedName, e.SHA256, e.RecordedSHA)
}

// Run applies what is missing, in order. The connection's database must exist.
func Run(ctx context.Context, conn driver.Conn, o Options) (Result, error) {
	if o.Files == nil {
		o.Files = ddl.FS
	}
	statements, err := ddl.Load(o.Files)
	if err != nil {
		return Result{}, fmt.Errorf("migrate: %w", err)
	}
	if err := conn.Exec(ctx, createTable); err != nil {
		return Result{}, fmt.Errorf("migrate: make table %s: %w", Table, err)
	}
	recorded, err := readRecorded(ctx, conn)
	if err != nil {
		return Result{}, fmt.Errorf("migrate: read table %s: %w", Table, err)
	}
	missing, result, err := compare(statements, recorded)
	if err != nil {
		return Result{}, fmt.Errorf("migrate: %w", err)
	}
	for i, st := range missing {
		p := Progress{Statement: st, Index: i + 1, Total: len(missing)}
		if err := apply(ctx, conn, p, o); err != nil {
			return result, fmt.Errorf("migrate: statement %04d_%s: %w", st.Number, st.Name, err)
		}
		result.Applied++
	}
	return result, nil
}

// apply runs one statement and records it. Every statement may run twice, so a kill between the two does no harm.
func apply(ctx context.Context, conn driver.Conn, p Progress, o Options) error {
	if o.Before != nil {
		o.Before(p)
	}
	if err := conn.Exec(ctx, p.Statement.SQL); err != nil {
		return err
	}
	if o.After != nil {
		o.After(p)
	}
	const record = "INSERT INTO " + Table + " (number, name, sha256) SETTINGS async_insert = 0 " +
		"SELECT {number:UInt32}, {name:String}, {sha256:String}"
	err := conn.Exec(ctx, record, driver.NamedValue{Name: "number", Value: p.Statement.Number},
		driver.NamedValue{Name: "name", Value: p.Statement.Name}, driver.NamedValue{Name: "sha256", Value: sum(p.Statement)})
	if err != nil {
		return fmt.Errorf("record it: %w", err)
	}
	return nil
}

type record struct{ name, sha string }

func readRecorded(ctx context.Context, conn driver.Conn) (map[int]record, error) {
	rows, err := conn.Query(ctx, "SELECT number, name, toString(sha256) FROM "+Table+" FINAL ORDER BY number")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int]record{}
	for rows.Next() {
		var (
			number uint32
			r      record
		)
		if err := rows.Scan(&number, &r.name, &r.sha); err != nil {
			return nil, err
		}
		out[int(number)] = r
	}
	return out, rows.Err()
}

func compare(statements []ddl.Statement, recorded map[int]record) ([]ddl.Statement, Result, error) {
	var missing []ddl.Statement
	var result Result
	for _, st := range statements {
		r, ok := recorded[st.Number]
		if !ok {
			missing = append(missing, st)
			continue
		}
		if r.sha != sum(st) {
			return nil, Result{}, &ChangedError{Number: st.Number, Name: st.Name, RecordedName: r.name, SHA256: sum(st), RecordedSHA: r.sha}
		}
		result.Present++
	}
	result.Unknown = len(recorded) - result.Present
	return missing, result, nil
}

func sum(st ddl.Statement) string {
	digest := sha256.Sum256([]byte(st.SQL))
	return hex.EncodeToString(digest[:])
}
