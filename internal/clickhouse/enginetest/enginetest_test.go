package enginetest_test

import (
	"io"
	"os"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestOpenEmptiesTheStore(t *testing.T) {
	store := enginetest.Open(t)
	require.Equal(t, clickhouse.KindEmbedded, store.Kind())
	insert := clickhouse.Insert{
		Table: "quarantine_v1", Columns: []string{"reason", "received_at"},
		Settings: map[string]string{"insert_deduplication_token": "first"},
		Body: func(w io.Writer) error {
			var reason proto.ColStr
			var at proto.ColDateTime64
			at.WithPrecision(proto.PrecisionMilli)
			reason.Append("future")
			at.AppendRaw(1_900_000_000_000)
			var buf proto.Buffer
			block := proto.Block{Columns: 2, Rows: 1}
			if err := block.EncodeRawBlock(&buf, 0, []proto.InputColumn{{Name: "reason", Data: &reason}, {Name: "received_at", Data: &at}}); err != nil {
				return err
			}
			_, err := w.Write(buf.Buf)
			return err
		},
	}
	count := func(s clickhouse.Store) (n uint64) {
		require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT count() FROM quarantine_v1").Scan(&n))
		return n
	}
	require.NoError(t, store.Insert(t.Context(), insert))
	require.NoError(t, store.Insert(t.Context(), insert), "a repeated token is a no-op")
	require.EqualValues(t, 1, count(store))

	again := enginetest.Open(t)
	require.Same(t, store, again)
	require.Zero(t, count(again))
	require.NoError(t, again.Insert(t.Context(), insert))
	require.EqualValues(t, 1, count(again), "emptying forgets tokens")
}
