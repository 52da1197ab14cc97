package chhttp_test

import (
	"context"
	"errors"
	"math"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

func TestDriverHello(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		require.NoError(t, conn.Ping(t.Context()))
		v, err := conn.ServerVersion()
		require.NoError(t, err)
		require.EqualValues(t, 26, v.Version.Major)
		require.Zero(t, v.Revision, "the engine's blocks are of revision 0")
		require.Equal(t, "UTC", v.Timezone.String())
	})
}

// wide has every column type of the schema and the usual others.
type wide struct {
	ID      uint64              `ch:"id"`
	At      time.Time           `ch:"at"`
	Milli   time.Time           `ch:"milli"`
	Second  time.Time           `ch:"second"`
	Berlin  time.Time           `ch:"berlin"`
	Day     time.Time           `ch:"day"`
	Day32   time.Time           `ch:"day32"`
	Tenant  uuid.UUID           `ch:"tenant"`
	Fixed   string              `ch:"fixed"`
	Text    string              `ch:"text"`
	Low     string              `ch:"low"`
	LowNull *string             `ch:"low_null"`
	Null    *int64              `ch:"null"`
	Kind    string              `ch:"kind"`
	Flag    bool                `ch:"flag"`
	I8      int8                `ch:"i8"`
	U16     uint16              `ch:"u16"`
	I64     int64               `ch:"i64"`
	F32     float32             `ch:"f32"`
	F64     float64             `ch:"f64"`
	Amount  decimal.Decimal     `ch:"amount"`
	V4      net.IP              `ch:"v4"`
	V6      net.IP              `ch:"v6"`
	Str     map[string]string   `ch:"str"`
	Num     map[string]float64  `ch:"num"`
	Int     map[string]int64    `ch:"int"`
	Yes     map[string]bool     `ch:"yes"`
	Hist    map[uint8]uint64    `ch:"hist"`
	List    []string            `ch:"list"`
	Deep    [][]uint64          `ch:"deep"`
	Times   []time.Time         `ch:"times"`
	Attrs   []map[string]string `ch:"attrs"`
	Sum     uint64              `ch:"sum"`
	Sums    map[uint8]uint64    `ch:"sums"`
	Pair    map[string]any      `ch:"pair"`
}

const wideColumns = `id UInt64, at DateTime64(9, 'UTC'), milli DateTime64(3, 'UTC'), second DateTime('UTC'), berlin DateTime('Europe/Berlin'),
	day Date, day32 Date32, tenant UUID, fixed FixedString(16), text String, low LowCardinality(String), low_null LowCardinality(Nullable(String)),
	null Nullable(Int64), kind Enum8('unset' = 0, 'server' = 2), flag Bool, i8 Int8, u16 UInt16, i64 Int64, f32 Float32, f64 Float64,
	amount Decimal(38, 10), v4 IPv4, v6 IPv6, str Map(LowCardinality(String), String), num Map(LowCardinality(String), Float64),
	int Map(LowCardinality(String), Int64), yes Map(LowCardinality(String), Bool), hist Map(UInt8, UInt64), list Array(LowCardinality(String)),
	deep Array(Array(UInt64)), times Array(DateTime64(9, 'UTC')), attrs Array(Map(LowCardinality(String), String)),
	sum SimpleAggregateFunction(sum, UInt64), sums SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)), pair Tuple(a String, b UInt8)`

func wideRow(id uint64) wide {
	at := time.Date(2026, 11, 25, 1, 2, 3, 123456789, time.UTC)
	text, minus := "maybe", int64(math.MinInt64)
	return wide{
		ID: id, At: at, Milli: at.Truncate(time.Millisecond), Second: at.Truncate(time.Second), Berlin: at.Truncate(time.Second),
		Day: at.Truncate(24 * time.Hour), Day32: time.Date(1925, 1, 2, 0, 0, 0, 0, time.UTC), Tenant: uuid.MustParse("00000000-0000-4000-8000-000000000001"),
		Fixed: "0123456789abcdef", Text: "tab\there 'quoted' \x00 é", Low: "low", LowNull: &text, Null: &minus, Kind: "server", Flag: true,
		I8: -8, U16: 65535, I64: 1<<53 + 1, F32: 1.5, F64: math.Inf(-1), Amount: decimal.RequireFromString("12345678901234567890.0123456789"),
		V4: net.ParseIP("10.0.0.1").To4(), V6: net.ParseIP("2001:db8::1"), Str: map[string]string{"k": "v", "": "empty key"}, Num: map[string]float64{"pi": 3.14},
		Int: map[string]int64{"big": 1<<53 + 1}, Yes: map[string]bool{"t": true, "f": false}, Hist: map[uint8]uint64{0: 1, 255: 2},
		List: []string{"a", "b"}, Deep: [][]uint64{{1}, {}, {2, 3}}, Times: []time.Time{at}, Attrs: []map[string]string{{"a": "1"}, {}},
		Sum: 7, Sums: map[uint8]uint64{1: 2}, Pair: map[string]any{"a": "x", "b": uint8(1)},
	}
}

func TestDriverRoundTripOfAllTypes(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		ctx := t.Context()
		require.NoError(t, conn.Exec(ctx, "CREATE OR REPLACE TABLE wide ("+wideColumns+") ENGINE = MergeTree ORDER BY id"))
		t.Cleanup(func() { require.NoError(t, conn.Exec(context.Background(), "DROP TABLE wide SYNC")) })
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO wide")
		require.NoError(t, err)
		want := []wide{wideRow(1), wideRow(2)}
		want[1].LowNull, want[1].Null, want[1].Str, want[1].List = nil, nil, map[string]string{}, []string{}
		for i := range want {
			require.NoError(t, batch.AppendStruct(&want[i]))
		}
		require.NoError(t, batch.Send())
		var got []wide
		require.NoError(t, conn.Select(ctx, &got, "SELECT * FROM wide ORDER BY id"))
		diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.Comparer(func(a, b net.IP) bool { return a.Equal(b) }),
			cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }))
		require.Empty(t, diff)
	})
}

// TestDriverReadsEveryTable decodes a row of each table of the schema. States of aggregate functions are for the engine alone.
func TestDriverReadsEveryTable(t *testing.T) {
	conn := dial(t, way{tcp: true})
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	read := 0
	for _, st := range statements {
		if !strings.HasPrefix(st.SQL, "CREATE TABLE") {
			continue
		}
		require.NoError(t, conn.Exec(t.Context(), "INSERT INTO "+st.Name+" (tenant_id) VALUES ('00000000-0000-4000-8000-000000000001')"), st.Name)
		var columns string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT arrayStringConcat(groupArray(concat('`', name, '`')), ', ') FROM system.columns "+
			"WHERE database = 'summit' AND table = {table:String} AND type NOT LIKE '%AggregateFunction(%' OR database = 'summit' AND table = {table:String} AND type LIKE 'SimpleAggregate%'",
			chgo.Named("table", st.Name)).Scan(&columns))
		rows, err := conn.Query(t.Context(), "SELECT "+columns+" FROM "+st.Name+" FINAL")
		if err != nil && strings.Contains(err.Error(), "FINAL") {
			rows, err = conn.Query(t.Context(), "SELECT "+columns+" FROM "+st.Name)
		}
		require.NoError(t, err, st.Name)
		n := 0
		for rows.Next() {
			n++
			values := make([]any, 0, len(rows.ColumnTypes()))
			for _, c := range rows.ColumnTypes() {
				values = append(values, reflect.New(c.ScanType()).Interface())
			}
			require.NoError(t, rows.Scan(values...), st.Name)
		}
		require.NoError(t, rows.Err(), st.Name)
		require.NoError(t, rows.Close())
		if n > 0 { // the row's date is 1970, so a table may have dropped it already
			read++
		}
	}
	require.Greater(t, read, 5)
}

func TestDriverStreamsManyRows(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		rows, err := conn.Query(t.Context(), "SELECT number, toString(number) FROM numbers(400000)")
		require.NoError(t, err)
		defer rows.Close()
		var n, sum uint64
		for rows.Next() {
			var number uint64
			var text string
			require.NoError(t, rows.Scan(&number, &text))
			n++
			sum += number
		}
		require.NoError(t, rows.Err())
		require.EqualValues(t, 400000, n)
		require.EqualValues(t, 400000*399999/2, sum)
	})
}

func TestDriverParameters(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		var (
			text string
			n    uint64
			list []string
		)
		awkward := "o'reilly \\ \"x\" {y} é"
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT {text:String}, {n:UInt64}, {list:Array(String)}",
			chgo.Named("text", awkward), chgo.Named("n", uint64(math.MaxUint64)), chgo.Named("list", []string{"a'b", "c"})).Scan(&text, &n, &list))
		require.Equal(t, awkward, text)
		require.EqualValues(t, uint64(math.MaxUint64), n)
		require.Equal(t, []string{"a'b", "c"}, list)
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT ?, ?", "client side", 7).Scan(&text, &n2{&n}))
		require.Equal(t, "client side", text)
	})
}

// n2 scans whatever integer comes.
type n2 struct{ to *uint64 }

func (n *n2) Scan(v any) error {
	*n.to = reflect.ValueOf(v).Convert(reflect.TypeFor[uint64]()).Uint()
	return nil
}

func TestDriverExceptions(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		var ex *chgo.Exception
		err := conn.Exec(t.Context(), "SELECT * FROM nowhere")
		require.True(t, errors.As(err, &ex), "%v", err)
		require.EqualValues(t, 60, ex.Code)
		require.Equal(t, "UNKNOWN_TABLE", ex.CodeName)
		_, err = conn.Query(t.Context(), "SELECT throwIf(1, 'at once')")
		require.True(t, errors.As(err, &ex), "%v", err)
		require.EqualValues(t, 395, ex.Code)
		err = conn.Exec(chgo.Context(t.Context(), chgo.WithSettings(chgo.Settings{"no_such_setting": 1})), "SELECT 1")
		require.True(t, errors.As(err, &ex), "%v", err)
		require.EqualValues(t, 115, ex.Code)
		require.NoError(t, conn.Ping(t.Context()))
	})
}

func TestDriverExceptionInTheMiddle(t *testing.T) {
	for _, w := range ways[:5] { // the driver doesn't look for one inside a content encoding
		t.Run(w.name, func(t *testing.T) {
			conn := dial(t, w)
			rows, err := conn.Query(t.Context(), "SELECT number, throwIf(number = 300000, 'too far') FROM numbers(1000000)")
			require.NoError(t, err)
			defer rows.Close()
			n := 0
			for rows.Next() {
				n++
			}
			require.NotZero(t, n)
			var ex *chgo.Exception
			require.True(t, errors.As(rows.Err(), &ex), "%v", rows.Err())
			require.EqualValues(t, 395, ex.Code)
			require.Contains(t, ex.Message, "too far")
		})
	}
}

func TestDriverCancelStopsTheEngine(t *testing.T) {
	eachWay(t, func(t *testing.T, conn driver.Conn) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		finished := make(chan error, 1)
		go func() { finished <- conn.Exec(ctx, "SELECT count() AS endless FROM numbers(1000000000000)") }()
		require.Eventually(t, func() bool { return processes(t, conn, "endless") == 1 }, 20*time.Second, 5*time.Millisecond)
		cancel()
		require.ErrorIs(t, <-finished, context.Canceled)
		eventuallyNothingRuns(t, conn, "endless")

		streaming, stop := context.WithCancel(t.Context())
		defer stop()
		rows, err := conn.Query(streaming, "SELECT number AS endless FROM numbers(1000000000000)")
		require.NoError(t, err)
		require.True(t, rows.Next())
		stop()
		for rows.Next() { //nolint:revive // drains what was under way
		}
		require.Error(t, rows.Err())
		_ = rows.Close() // may repeat the error
		eventuallyNothingRuns(t, conn, "endless")
	})
}

func TestDriverExternalTables(t *testing.T) {
	conn := dial(t, way{tcp: true})
	table, err := ext.NewTable("wanted", ext.Column("id", "UInt64"), ext.Column("name", "String"))
	require.NoError(t, err)
	require.NoError(t, table.Append(uint64(3), "three"))
	require.NoError(t, table.Append(uint64(5), "five"))
	ctx := chgo.Context(t.Context(), chgo.WithExternalTable(table))
	for range 2 { // a second request finds no table of the first
		var names []string
		require.NoError(t, conn.QueryRow(ctx, "SELECT groupArray(name) FROM (SELECT name FROM numbers(10) AS n JOIN wanted ON n.number = wanted.id ORDER BY id)").Scan(&names))
		require.Equal(t, []string{"three", "five"}, names)
	}
	require.Error(t, conn.Exec(t.Context(), "SELECT * FROM wanted"))
}

func TestDriverSettingsDoNotLeak(t *testing.T) {
	conn := dial(t, way{})
	setting := func(ctx context.Context) (value string) {
		require.NoError(t, conn.QueryRow(ctx, "SELECT value FROM system.settings WHERE name = 'max_block_size'").Scan(&value))
		return value
	}
	before := setting(t.Context())
	require.Equal(t, "1234", setting(chgo.Context(t.Context(), chgo.WithSettings(chgo.Settings{"max_block_size": 1234}))))
	for range 20 { // every connection of the pool
		require.Equal(t, before, setting(t.Context()))
	}
	require.NoError(t, conn.Exec(t.Context(), "SET max_block_size = 4321"))
	for range 20 {
		require.Equal(t, before, setting(t.Context()))
	}
}

func TestDriverAsyncInsertAndDeduplication(t *testing.T) {
	conn := dial(t, way{tcp: true})
	ctx := t.Context()
	require.NoError(t, conn.Exec(ctx, "CREATE OR REPLACE TABLE plain (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"))
	t.Cleanup(func() { require.NoError(t, conn.Exec(context.Background(), "DROP TABLE plain SYNC")) })
	require.NoError(t, conn.AsyncInsert(ctx, "INSERT INTO plain VALUES (1), (2)", true))
	for range 2 {
		batch, err := conn.PrepareBatch(chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"insert_deduplication_token": "t", "async_insert": 0})), "INSERT INTO plain (n)")
		require.NoError(t, err)
		require.NoError(t, batch.Append(uint64(3)))
		require.NoError(t, batch.Send())
	}
	var n uint64
	require.NoError(t, conn.QueryRow(ctx, "SELECT count() FROM plain").Scan(&n))
	require.EqualValues(t, 3, n)
}
