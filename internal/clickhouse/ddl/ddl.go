// Package ddl holds the schema of the store, one statement per file, in the order of the files' numbers. Package migrate
// applies them. A statement that has been released never changes: the schema grows by new files.
package ddl

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// FS has the statements, NNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS

// databaseFile makes the database that all other statements work in.
const databaseFile = "0001_database.sql"

// Statement is one file.
type Statement struct {
	Number int
	// Name is the file's name without number and suffix.
	Name string
	SQL  string
}

var fileName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)

// Database is the statement that makes the database.
func Database() string {
	text, err := FS.ReadFile(databaseFile)
	if err != nil {
		panic(err) // embedded at build time
	}
	return strings.TrimSpace(string(text))
}

// Load reads all statements of a file system in the order of their numbers, and refuses what is no addition.
func Load(files fs.FS) ([]Statement, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list statements: %w", err)
	}
	var out []Statement
	for _, name := range names { // Glob sorts
		m := fileName.FindStringSubmatch(path.Base(name))
		if m == nil {
			return nil, fmt.Errorf("statement file %s: want NNNN_name.sql", name)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read statement: %w", err)
		}
		number, _ := strconv.Atoi(m[1])
		st := Statement{Number: number, Name: m[2], SQL: strings.TrimSpace(string(text))}
		if n := len(out); n > 0 && out[n-1].Number == number {
			return nil, fmt.Errorf("statements %s and %s have the same number %04d", out[n-1].Name, st.Name, number)
		}
		if err := st.checkAdditive(); err != nil {
			return nil, fmt.Errorf("statement %s: %w", name, err)
		}
		out = append(out, st)
	}
	return out, nil
}

var additive = []*regexp.Regexp{
	regexp.MustCompile(`(?is)^CREATE (DATABASE|TABLE|MATERIALIZED VIEW|VIEW|DICTIONARY|FUNCTION) IF NOT EXISTS \S`),
	regexp.MustCompile(`(?is)^ALTER TABLE \S+ (ADD (COLUMN|INDEX|PROJECTION) IF NOT EXISTS|MODIFY SETTING|MODIFY COMMENT|COMMENT COLUMN IF EXISTS) `),
	// How a column is compressed from now on; what is stored stays as it is until it is merged.
	regexp.MustCompile(`(?is)^ALTER TABLE \S+ MODIFY COLUMN \S+ CODEC\((\w+(\([0-9, ]+\))?(, )?)+\)( SETTINGS \([a-z_0-9 =,]+\))?$`),
}

// checkAdditive lets only statements through that add something and may run twice.
func (s Statement) checkAdditive() error {
	for _, form := range additive {
		if form.MatchString(s.SQL) {
			return nil
		}
	}
	first, _, _ := strings.Cut(s.SQL, "\n")
	return fmt.Errorf("%q is not allowed: want CREATE … IF NOT EXISTS, or ALTER TABLE with ADD … IF NOT EXISTS, MODIFY SETTING or MODIFY COLUMN … CODEC", first)
}
