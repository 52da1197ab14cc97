// Package clickhouse is the door to the one store: the same interface stands before the engine inside this process
// and before a ClickHouse server. Writes are Native blocks streamed into one INSERT; reads and DDL go through
// clickhouse-go.
package clickhouse

import (
	"context"
	"io"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Database is the database that holds all tables.
const Database = "summit"

// BackupDisk is the disk of the engine that backups are on. The embedded engine has it as a folder of this name in the
// store's own; a server needs it in its configuration.
const BackupDisk = "backups"

// Kind tells where the store runs.
type Kind string

// The kinds of store.
const (
	KindEmbedded Kind = "embedded"
	KindServer   Kind = "server"
)

// Insert is one INSERT of one table.
type Insert struct {
	// Table is the name without the database.
	Table string
	// Columns are the names in the order of the block.
	Columns []string
	// Settings go into the statement's SETTINGS clause, for example insert_deduplication_token.
	Settings map[string]string
	// Body writes the rows as blocks of the Native format, revision 0. It may be called once only.
	Body func(w io.Writer) error
}

// Inserter takes rows. It returns when the engine has committed them; after an error nothing or all of a partition's
// rows may be in, and a repeat with the same deduplication token completes them.
type Inserter interface {
	Insert(ctx context.Context, ins Insert) error
}

// Store is a ClickHouse that is ready for statements in Database.
type Store interface {
	Inserter
	// Conn is shared by all readers; it is safe for concurrent use and closed by the store's owner.
	Conn() driver.Conn
	// Kind tells where the engine runs.
	Kind() Kind
	// Version is the engine's version, for example "26.7.2.1".
	Version() string
}

// StoreProvider is an extension that has a Store once it has started.
type StoreProvider interface {
	Store() Store
}
