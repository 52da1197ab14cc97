package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

var (
	tableName    = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	databaseName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// reservedDatabases are the engine's own.
var reservedDatabases = []string{"default", "system", "information_schema"}

// RestoreOptions say where the rows go.
type RestoreOptions struct {
	// Into is the database that gets the tables. Default clickhouse.Database. Another one is made when it is missing, and
	// gets the tables without the views, to look at.
	Into string
	// OntoRows adds the backup's rows to a database that has rows. Rows that are in both are then there twice.
	OntoRows bool
}

func (o *RestoreOptions) database() string {
	if o.Into == "" {
		return clickhouse.Database
	}
	return o.Into
}

// Restored says what a restore has done.
type Restored struct {
	Name     string            `json:"name"`
	Database string            `json:"database"`
	Rows     uint64            `json:"rows"`
	Tables   map[string]uint64 `json:"tables"`
	// SchemaVersion is the backup's, StoreSchemaVersion the store's, which may be later.
	SchemaVersion      uint32 `json:"schema_version"`
	StoreSchemaVersion uint32 `json:"store_schema_version"`
}

// Restore brings a backup's rows back. Parts are attached as they are: no view fires, so rollups are the backup's own.
// Background merges rest meanwhile, because they change the number of rows in rollups, and the rows are counted at the end.
func (s *Store) Restore(ctx context.Context, name string, o RestoreOptions) (*Restored, error) {
	database := o.database()
	if !databaseName.MatchString(database) || slices.Contains(reservedDatabases, database) {
		return nil, fmt.Errorf("%w: %q can't take a backup; a database's name has up to 64 lower-case letters, digits and underscores, and is none of %s",
			ErrName, database, strings.Join(reservedDatabases, ", "))
	}
	m, err := s.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if m.Problem != "" {
		return nil, fmt.Errorf("restore backup %s: %s", name, m.Problem)
	}
	r := &Restored{Name: name, Database: database, Tables: m.Tables, SchemaVersion: m.SchemaVersion}
	if r.StoreSchemaVersion, err = s.checkSchema(ctx, m); err != nil {
		return nil, fmt.Errorf("restore backup %s: %w", name, err)
	}
	if err := s.checkEmpty(ctx, database, o); err != nil {
		return nil, err
	}
	if len(m.Tables) == 0 {
		return r, nil
	}
	if err := s.restore(ctx, m, database, o); err != nil {
		return nil, fmt.Errorf("restore backup %s into database %s: %w", name, database, err)
	}
	for _, n := range m.Tables {
		r.Rows += n
	}
	return r, nil
}

// checkSchema wants every statement of the backup in the store. More of them are later additions, which old rows fit.
func (s *Store) checkSchema(ctx context.Context, m *Manifest) (uint32, error) {
	have, err := s.schema(ctx)
	if err != nil {
		return 0, err
	}
	var version uint32
	known := map[uint32]Statement{}
	for _, st := range have {
		known[st.Number] = st
		version = max(version, st.Number)
	}
	for _, st := range m.Schema {
		own, ok := known[st.Number]
		if !ok {
			return 0, fmt.Errorf("%w: the backup was made by a later version: it has statement %04d_%s, the store ends at %04d; update summit first",
				ErrSchema, st.Number, st.Name, version)
		}
		if own.SHA256 != st.SHA256 {
			return 0, fmt.Errorf("%w: statement %04d is %s (sha256 %.12s) in the backup and %s (sha256 %.12s) in the store",
				ErrSchema, st.Number, st.Name, st.SHA256, own.Name, own.SHA256)
		}
	}
	return version, nil
}

func (s *Store) checkEmpty(ctx context.Context, database string, o RestoreOptions) error {
	if o.OntoRows {
		return nil
	}
	rows, err := s.partRows(ctx, database)
	if err != nil {
		return err
	}
	delete(rows, migrate.Table)
	if len(rows) == 0 {
		return nil
	}
	var words []string
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		words = append(words, fmt.Sprintf("%s %d", table, rows[table]))
	}
	return fmt.Errorf("restore into database %s: %w: %s", database, ErrNotEmpty, strings.Join(words, ", "))
}

// partRows gives the rows of the tables that have any.
func (s *Store) partRows(ctx context.Context, database string) (map[string]uint64, error) {
	rows, err := s.Conn.Query(ctx, "SELECT table, sum(rows) AS n FROM system.parts WHERE active AND database = {database:String} GROUP BY table HAVING n > 0",
		clickhouse.Named("database", database))
	if err != nil {
		return nil, fmt.Errorf("count the rows of database %s: %w", database, err)
	}
	defer rows.Close()
	out := map[string]uint64{}
	for rows.Next() {
		var (
			table string
			n     uint64
		)
		if err := rows.Scan(&table, &n); err != nil {
			return nil, fmt.Errorf("count the rows of database %s: %w", database, err)
		}
		out[table] = n
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count the rows of database %s: %w", database, err)
	}
	return out, nil
}

func (s *Store) restore(ctx context.Context, m *Manifest, database string, o RestoreOptions) (err error) {
	if database != clickhouse.Database {
		if err := s.Conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+ident(database)+" ENGINE = Atomic"); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
	}
	statement := "RESTORE " + tableList(m, database) + " FROM " + place(m.Name)
	// Later versions only add to a table, and a part without a column reads as the column's default.
	const settings = "allow_different_table_def = 1"
	if _, err := s.run(ctx, statement, settings+", structure_only = 1"); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	// The tables rest from here on; whatever happens, they work again afterwards.
	defer func() { err = errors.Join(err, s.merges(context.WithoutCancel(ctx), "START", m, database)) }()
	if err := s.merges(ctx, "STOP", m, database); err != nil {
		return err
	}
	before := map[string]uint64{}
	if o.OntoRows {
		if before, err = s.partRows(ctx, database); err != nil {
			return err
		}
	}
	if _, err := s.run(ctx, statement, fmt.Sprintf("%s, allow_non_empty_tables = %d", settings, flag(o.OntoRows))); err != nil {
		return err
	}
	return s.compare(ctx, m, database, before)
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

func tableList(m *Manifest, database string) string {
	var parts []string
	for _, name := range m.tableNames() {
		part := "TABLE " + ident(clickhouse.Database) + "." + ident(name)
		if database != clickhouse.Database {
			part += " AS " + ident(database) + "." + ident(name)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func (s *Store) merges(ctx context.Context, verb string, m *Manifest, database string) error {
	var errs []error
	for _, name := range m.tableNames() {
		for _, what := range []string{"MERGES", "TTL MERGES"} {
			if err := s.Conn.Exec(ctx, "SYSTEM "+verb+" "+what+" "+ident(database)+"."+ident(name)); err != nil {
				errs = append(errs, fmt.Errorf("%s merges of %s: %w", strings.ToLower(verb), name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// compare wants each table to have exactly the backup's rows more than before.
func (s *Store) compare(ctx context.Context, m *Manifest, database string, before map[string]uint64) error {
	after, err := s.partRows(ctx, database)
	if err != nil {
		return err
	}
	var wrong []string
	for _, name := range m.tableNames() {
		if got, want := after[name], before[name]+m.Tables[name]; got != want {
			wrong = append(wrong, fmt.Sprintf("%s has %d, want %d", name, got, want))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w, or others have written meanwhile: %s", ErrRows, strings.Join(wrong, "; "))
	}
	return nil
}
