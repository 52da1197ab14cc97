package writer_test

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// start is the time of arrival in tests, on a second so that ingested_at can be told.
var start = time.Now().UTC().Truncate(time.Second)

func fixed() time.Time { return start }

// insertSettings make the engine refuse a block whose types are not the table's.
var insertSettings = map[string]string{
	"input_format_native_allow_types_conversion": "0",
	"min_insert_block_size_rows":                 "1048449",
	"min_insert_block_size_bytes":                "0",
	"max_insert_threads":                         "1",
}

// store inserts records as the drain does.
func store(t testing.TB, s clickhouse.Store, records ...[]byte) {
	t.Helper()
	set := writer.NewSet(start)
	for _, r := range records {
		require.NoError(t, set.Add(r))
	}
	insertSet(t, s, set)
}

func insertSet(t testing.TB, s clickhouse.Store, set *writer.Set) {
	t.Helper()
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		return s.Insert(context.Background(), clickhouse.Insert{
			Table: ins.Table, Columns: ins.Columns, Settings: insertSettings,
			Body: func(w io.Writer) error {
				_, err := ins.WriteTo(w)
				return err
			},
		})
	}))
	require.NoError(t, set.Failure())
}

// count gives the number of rows of a query's FROM.
func count(t testing.TB, s clickhouse.Store, from string) (n uint64) {
	t.Helper()
	require.NoError(t, s.Conn().QueryRow(context.Background(), "SELECT count() FROM "+from).Scan(&n))
	return n
}
