package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse"
)

// Find gives one backup.
func (s *Store) Find(ctx context.Context, name string) (*Manifest, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	found, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(found, func(m *Manifest) bool { return m.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return found[at], nil
}

// List gives the finished backups on the disk, the newest first. A manifest that can't be read is in the list with its
// problem, after the others.
func (s *Store) List(ctx context.Context) ([]*Manifest, error) {
	dir, err := s.folder(ctx)
	if err != nil {
		return nil, err
	}
	pattern := dir + "*" + manifestSuffix
	rows, err := s.Conn.Query(ctx, "SELECT _path, raw FROM file("+quote(pattern)+", 'RawBLOB', 'raw String')")
	if err != nil {
		return nil, fmt.Errorf("read the manifests in %s: %w", dir, err)
	}
	defer rows.Close()
	var out []*Manifest
	for rows.Next() {
		var file, raw string
		if err := rows.Scan(&file, &raw); err != nil {
			return nil, fmt.Errorf("read the manifests in %s: %w", dir, err)
		}
		out = append(out, parse(strings.TrimSuffix(path.Base(file), manifestSuffix), raw))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the manifests in %s: %w", dir, err)
	}
	slices.SortFunc(out, func(a, b *Manifest) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// parse reads a manifest; the file's name is the backup's, so that a renamed pair of folder and file keeps working.
func parse(name, raw string) *Manifest {
	var m Manifest
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return &Manifest{Name: name, Problem: "the manifest is damaged: " + err.Error()}
	}
	if len(m.Schema) == 0 || m.EngineVersion == "" {
		return &Manifest{Name: name, Problem: "the manifest lacks the schema or the engine's version"}
	}
	for table := range m.Tables {
		if !tableName.MatchString(table) {
			return &Manifest{Name: name, Problem: fmt.Sprintf("the manifest names a table %q, which is no table of %s", table, clickhouse.Database)}
		}
	}
	m.Name = name
	return &m
}
