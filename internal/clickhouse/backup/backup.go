// Package backup copies a store to a named backup and back. Both are statements of the engine, BACKUP and RESTORE, on the
// disk clickhouse.BackupDisk; the package adds what the engine doesn't keep: a manifest beside each backup with its rows
// and schema, written last, so that a backup without one is no backup. It stands beside the flow: summitctl calls it
// through the store's HTTP interface while others write and read.
package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// Errors that callers tell apart.
var (
	ErrName     = errors.New("a backup's name has 1 to 100 letters, digits, dots, dashes and underscores, and starts with a letter or digit")
	ErrExists   = errors.New("a backup of this name exists")
	ErrNotFound = errors.New("no backup of this name")
	ErrNoDisk   = errors.New("the store has no disk \"" + clickhouse.BackupDisk + "\"")
	ErrNotEmpty = errors.New("the database has rows")
	ErrSchema   = errors.New("the schema doesn't fit")
	ErrRows     = errors.New("the restored rows are not those of the backup")
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckName refuses names that are no plain names of a folder.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("name %q: %w", name, ErrName)
	}
	return nil
}

// NameAt is the name of a backup that was given none.
func NameAt(t time.Time) string { return t.UTC().Format("2006-01-02T15-04-05Z") }

// Statement is a statement of the schema that the store had.
type Statement struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Manifest says what a backup holds.
type Manifest struct {
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`
	DurationNS int64     `json:"duration_ns"`
	// Bytes are those of the backup's files on its disk.
	Bytes uint64 `json:"bytes"`
	Files uint64 `json:"files"`
	Rows  uint64 `json:"rows"`
	// Tables has the rows of each table that has any, counted in the backup itself.
	Tables map[string]uint64 `json:"tables"`
	// SchemaVersion is the highest number among Schema.
	SchemaVersion uint32      `json:"schema_version"`
	Schema        []Statement `json:"schema"`
	EngineVersion string      `json:"engine_version"`
	// Problem, if not empty, says why the manifest can't be read; then only Name is set.
	Problem string `json:"problem,omitempty"`
}

// tableNames gives the tables in a fixed order.
func (m *Manifest) tableNames() []string { return slices.Sorted(maps.Keys(m.Tables)) }

// Progress is a look at a running BACKUP or RESTORE. The engine knows the size of a backup only when it has listed the
// parts; before that all is 0.
type Progress struct {
	Files, Bytes uint64
	Elapsed      time.Duration
}

// Store is the store that is backed up, by a connection for statements.
type Store struct {
	Conn driver.Conn
	// OnProgress, if set, is called a few times a second.
	OnProgress func(Progress)
}

// Create copies all tables of the database into a new backup. Rows that are inserted meanwhile are in it or not, whole
// INSERTs of a partition at a time; each table is copied as it is at one moment, two tables not at the same.
func (s *Store) Create(ctx context.Context, name string) (*Manifest, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	dir, err := s.folder(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Find(ctx, name); err == nil {
		return nil, fmt.Errorf("%s: %w", name, ErrExists)
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	m := &Manifest{Name: name, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
	// The schema is read before the copy: a statement that comes in between is then run again by a restore's store.
	if m.Schema, err = s.schema(ctx); err != nil {
		return nil, err
	}
	for _, st := range m.Schema {
		m.SchemaVersion = max(m.SchemaVersion, st.Number)
	}
	if err := s.Conn.QueryRow(ctx, "SELECT version()").Scan(&m.EngineVersion); err != nil {
		return nil, fmt.Errorf("ask for the engine's version: %w", err)
	}
	// Each part keeps a file of its own with its rows; files with the same content would be stored once.
	done, err := s.run(ctx, "BACKUP DATABASE "+ident(clickhouse.Database)+" TO "+place(name), "deduplicate_files = 0")
	if clickhouse.Code(err) == codeBackupExists {
		return nil, fmt.Errorf("%s: %w, but has no manifest: its making was interrupted; remove its folder in %s", name, ErrExists, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("back up as %s: %w", name, err)
	}
	m.Files, m.Bytes = done.Files, done.Bytes
	if m.Tables, err = s.count(ctx, dir, name); err != nil {
		return nil, fmt.Errorf("count the rows of backup %s: %w", name, err)
	}
	for _, n := range m.Tables {
		m.Rows += n
	}
	m.DurationNS = time.Since(m.CreatedAt).Nanoseconds()
	if err := s.writeManifest(ctx, dir, m); err != nil {
		return nil, fmt.Errorf("write the manifest of backup %s, without which it can't be restored: %w", name, err)
	}
	return m, nil
}

const codeBackupExists = 598

// folder is the path of the disk, as the engine sees it.
func (s *Store) folder(ctx context.Context) (string, error) {
	var dirs []string
	rows, err := s.Conn.Query(ctx, "SELECT path FROM system.disks WHERE name = {name:String}", clickhouse.Named("name", clickhouse.BackupDisk))
	if err != nil {
		return "", fmt.Errorf("look for the disk of backups: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var dir string
		if err := rows.Scan(&dir); err != nil {
			return "", fmt.Errorf("look for the disk of backups: %w", err)
		}
		dirs = append(dirs, dir)
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("look for the disk of backups: %w", err)
	}
	if len(dirs) == 0 {
		return "", ErrNoDisk
	}
	return dirs[0], nil
}

func (s *Store) schema(ctx context.Context) ([]Statement, error) {
	var exists uint64
	err := s.Conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {name:String}",
		clickhouse.Named("database", clickhouse.Database), clickhouse.Named("name", migrate.Table)).Scan(&exists)
	if err != nil {
		return nil, fmt.Errorf("look for the schema's table: %w", err)
	}
	if exists == 0 {
		return nil, fmt.Errorf("%w: the store has no schema yet; start summit on it once", ErrSchema)
	}
	rows, err := s.Conn.Query(ctx, "SELECT number, name, toString(sha256) FROM "+ident(clickhouse.Database)+"."+migrate.Table+" FINAL ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	defer rows.Close()
	var out []Statement
	for rows.Next() {
		var st Statement
		if err := rows.Scan(&st.Number, &st.Name, &st.SHA256); err != nil {
			return nil, fmt.Errorf("read the schema's version: %w", err)
		}
		out = append(out, st)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	return out, nil
}

// count adds up what the parts in a backup say of their rows.
func (s *Store) count(ctx context.Context, dir, name string) (map[string]uint64, error) {
	files := dir + name + "/data/" + clickhouse.Database + "/*/*/count.txt"
	rows, err := s.Conn.Query(ctx, "SELECT splitByChar('/', _path)[-3] AS table, sum(toUInt64(trimBoth(raw))) FROM file("+quote(files)+
		", 'RawBLOB', 'raw String') GROUP BY table")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]uint64{}
	for rows.Next() {
		var (
			table string
			n     uint64
		)
		if err := rows.Scan(&table, &n); err != nil {
			return nil, err
		}
		if n > 0 && table != migrate.Table { // what it says is in Schema
			out[table] = n
		}
	}
	return out, rows.Err()
}

func (s *Store) writeManifest(ctx context.Context, dir string, m *Manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.Conn.Exec(ctx, "INSERT INTO FUNCTION file("+quote(dir+m.Name+manifestSuffix)+
		", 'RawBLOB', 'raw String') SETTINGS engine_file_truncate_on_insert = 1, async_insert = 0 SELECT "+quote(string(text)))
}

const manifestSuffix = ".json"

// A running statement is looked at after firstPoll, then less and less often, up to once in lastPoll.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 250 * time.Millisecond
)

// run starts a BACKUP or RESTORE in the engine's background and waits for its end. When the context ends first the
// statement goes on.
func (s *Store) run(ctx context.Context, statement, settings string) (Progress, error) {
	id := rand.Text()
	begun := time.Now()
	rows, err := s.Conn.Query(ctx, statement+" SETTINGS id = "+quote(id)+", "+settings+" ASYNC")
	if err != nil {
		return Progress{}, err
	}
	if err := rows.Close(); err != nil {
		return Progress{}, err
	}
	for wait := firstPoll; ; wait = min(2*wait, lastPoll) {
		var p Progress
		var status, problem string
		err := s.Conn.QueryRow(ctx, "SELECT toString(status), error, num_files, total_size FROM system.backups WHERE id = {id:String}",
			clickhouse.Named("id", id)).Scan(&status, &problem, &p.Files, &p.Bytes)
		if err != nil {
			return p, fmt.Errorf("look at the running statement, which goes on in the engine: %w", err)
		}
		p.Elapsed = time.Since(begun)
		if s.OnProgress != nil {
			s.OnProgress(p)
		}
		switch status {
		case "BACKUP_CREATED", "RESTORED":
			return p, nil
		case "CREATING_BACKUP", "RESTORING":
		default:
			return p, engineError(status, problem)
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("stopped waiting, the statement goes on in the engine: %w", ctx.Err())
		case <-time.After(wait):
		}
	}
}

var engineCode = regexp.MustCompile(`^Code: (\d+)\. `)

// engineError makes the same error of a statement in the background that one in the foreground gives.
func engineError(status, text string) error {
	e := &clickhouse.Exception{Message: text}
	if m := engineCode.FindStringSubmatch(text); m != nil {
		_, _ = fmt.Sscan(m[1], &e.Code)
	}
	if text == "" {
		e.Message = "the engine says " + status
	}
	return e
}

func place(name string) string {
	return "Disk(" + quote(clickhouse.BackupDisk) + ", " + quote(name) + ")"
}

func ident(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quote(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
