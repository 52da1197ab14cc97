package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/tenant"
)

// sample is one row of metrics_runtime_v1.
type sample struct {
	tenant tenant.ID
	name   string
	series uint64
	at     time.Time
	value  float64
	flags  uint32
}

func insert(t *testing.T, store clickhouse.Store, token string, samples ...sample) {
	t.Helper()
	ids, names := column.NewFixed("UUID", 16), column.NewLowCard()
	buckets, series := column.NewNum[uint32]("DateTime"), column.NewNum[uint64]("UInt64")
	times, values, flags := column.NewNum[int64]("DateTime64(9)"), column.NewNum[float64]("Float64"), column.NewNum[uint32]("UInt32")
	for _, s := range samples {
		ids.AppendUUID(s.tenant)
		names.Append(s.name)
		buckets.Append(uint32(s.at.Truncate(time.Hour).Unix()))
		series.Append(s.series)
		times.Append(s.at.UnixNano())
		values.Append(s.value)
		flags.Append(s.flags)
	}
	var cols []column.Named
	var all []string
	add := func(name string, c column.Column) {
		cols = append(cols, column.Named{Name: name, Column: c})
		all = append(all, name)
	}
	add("tenant_id", ids)
	add("metric_name", names)
	add("ts_bucket", buckets)
	add("series_fp", series)
	add("timestamp", times)
	add("value", values)
	add("flags", flags)
	require.NoError(t, store.Insert(t.Context(), clickhouse.Insert{Table: "metrics_runtime_v1", Columns: all,
		Settings: map[string]string{"insert_deduplication_token": token},
		Body: func(w io.Writer) error {
			_, err := w.Write(column.AppendBlock(nil, cols))
			return err
		}}))
}

// row is one row of metrics_runtime_5m_v1 as a test reads it.
type row struct {
	Tenant                               string
	Name                                 string
	Series                               uint64
	At                                   int64
	Samples                              uint32
	Sum, Min, Max, First, Last, Increase float64
	FirstTS, LastTS                      int64
}

func rolled(t *testing.T, store clickhouse.Store) (out []row) {
	t.Helper()
	rows, err := store.Conn().Query(t.Context(), `SELECT toString(tenant_id), metric_name, series_fp, toInt64(toUnixTimestamp(timestamp)), samples, sum, min, max,
		first, last, last - first + drops, toUnixTimestamp64Milli(first_ts), toUnixTimestamp64Milli(last_ts)
		FROM metrics_runtime_5m_v1 FINAL ORDER BY toString(tenant_id), metric_name, series_fp, timestamp`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var r row
		require.NoError(t, rows.Scan(&r.Tenant, &r.Name, &r.Series, &r.At, &r.Samples, &r.Sum, &r.Min, &r.Max, &r.First, &r.Last, &r.Increase, &r.FirstTS, &r.LastTS))
		out = append(out, r)
	}
	require.NoError(t, rows.Err())
	return out
}

func TestComputeOnTheEngine(t *testing.T) {
	store := enginetest.Open(t)
	other := tenant.ID{1, 15: 9}
	at := time.Now().Add(-3 * time.Hour).Truncate(time.Hour).Add(55 * time.Minute)
	stale := math.Float64frombits(0x7ff0000000000002)
	insert(t, store, "1",
		sample{tenant.Default, "requests", 7, at, 10, 0},
		sample{tenant.Default, "requests", 7, at.Add(60*time.Second + 5*time.Millisecond), 25, 0},
		sample{tenant.Default, "requests", 7, at.Add(120 * time.Second), 5, 0}, // the counter began again
		sample{tenant.Default, "requests", 7, at.Add(180 * time.Second), 8, 0},
		sample{tenant.Default, "requests", 7, at.Add(200 * time.Second), stale, 0},
		sample{tenant.Default, "requests", 7, at.Add(210 * time.Second), 99, 1}, // no recorded value
		sample{tenant.Default, "requests", 8, at.Add(time.Second), -3, 0},
		sample{other, "requests", 7, at.Add(time.Second), 1, 0},
		sample{tenant.Default, "requests", 7, at.Add(Window), 9, 0}, // the next hour's first window
	)
	job := New(store.Conn(), Settings{})
	require.NoError(t, job.CatchUp(t.Context()))
	require.Equal(t, 2, job.Pending())
	require.NoError(t, job.ComputeDue(t.Context()))
	require.Zero(t, job.Pending())

	d, ms := tenant.Default.String(), at.UnixMilli()
	want := []row{
		{d, "requests", 7, at.Unix(), 4, 48, 5, 25, 10, 8, 23, ms, ms + 180_000},
		{d, "requests", 7, at.Add(Window).Unix(), 1, 9, 9, 9, 9, 9, 0, ms + 300_000, ms + 300_000},
		{d, "requests", 8, at.Unix(), 1, -3, -3, -3, -3, -3, 0, ms + 1000, ms + 1000},
		{other.String(), "requests", 7, at.Unix(), 1, 1, 1, 1, 1, 1, 0, ms + 1000, ms + 1000},
	}
	require.Equal(t, want, rolled(t, store))

	require.NoError(t, job.CatchUp(t.Context()))
	require.Zero(t, job.Pending(), "nothing is behind any more")

	insert(t, store, "2", sample{tenant.Default, "requests", 8, at.Add(100 * time.Second), 4, 0})
	require.NoError(t, job.CatchUp(t.Context()))
	require.Equal(t, 1, job.Pending(), "late samples are found after a restart")
	require.NoError(t, job.ComputeDue(t.Context()))
	want[2] = row{d, "requests", 8, at.Unix(), 2, 1, -3, 4, -3, 4, 7, ms + 1000, ms + 100_000}
	require.Equal(t, want, rolled(t, store))
}

func TestRowsOfAClockThatWasAheadAreReplaced(t *testing.T) {
	store := enginetest.Open(t)
	at := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	job := New(store.Conn(), Settings{})
	for n := range 3 {
		insert(t, store, fmt.Sprint(n), sample{tenant.Default, "requests", 7, at.Add(time.Duration(n) * time.Second), 1, 0})
		require.NoError(t, job.CatchUp(t.Context()))
		require.Equal(t, 1, job.Pending())
		require.NoError(t, job.ComputeDue(t.Context()))
		got := rolled(t, store)
		require.Len(t, got, 1)
		require.EqualValues(t, n+1, got[0].Samples)
		// The clock was hours ahead, and is set right.
		require.NoError(t, store.Conn().Exec(t.Context(), `INSERT INTO metrics_runtime_5m_v1
			SELECT * REPLACE (computed_at + toIntervalHour(5) AS computed_at) FROM metrics_runtime_5m_v1 FINAL`))
	}
}

func TestJobComputesTouchedWindows(t *testing.T) {
	store := enginetest.Open(t)
	at := time.Now().Add(-48 * time.Hour).Truncate(Window)
	insert(t, store, "1", sample{tenant.Default, "old", 1, at.Add(time.Minute), 2, 0})
	job := New(store.Conn(), Settings{Delay: time.Millisecond, Interval: time.Millisecond})
	job.Start()
	job.Touch([]int64{at.Add(time.Minute).Unix()})
	require.Eventually(t, func() bool { return len(rolled(t, store)) == 1 }, 20*time.Second, 5*time.Millisecond)
	job.Stop()
}

// recorder is a store that remembers what was computed, and fails while it is told to.
type recorder struct {
	mu       sync.Mutex
	failing  bool
	computed []span
}

func (r *recorder) compute(_ context.Context, s span, _ uint16) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing {
		return errors.New("the store is away")
	}
	r.computed = append(r.computed, s)
	return nil
}

func (r *recorder) behind(context.Context, time.Time, time.Time) ([]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing {
		return nil, errors.New("the store is away")
	}
	return nil, nil
}

func (r *recorder) setFailing(v bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = v
}

func (r *recorder) spans() []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]span(nil), r.computed...)
}

func TestWindowsAreComputedWhenOverAndQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		job := newJob(rec, Settings{})
		job.Start()
		defer job.Stop()
		at := time.Now().Truncate(Window).Unix()
		job.Touch([]int64{at + 7, at + 8})
		time.Sleep(Window + time.Minute)
		require.Empty(t, rec.spans(), "over, but within the delay")
		time.Sleep(time.Minute)
		require.Equal(t, []span{{at, at + 300}}, rec.spans())

		job.Touch([]int64{at})
		time.Sleep(time.Minute)
		job.Touch([]int64{at + 299})
		time.Sleep(time.Minute)
		require.Len(t, rec.spans(), 1, "still being touched")
		time.Sleep(time.Minute)
		require.Equal(t, []span{{at, at + 300}, {at, at + 300}}, rec.spans(), "late samples compute it again")
		require.Zero(t, job.Pending())
	})
}

func TestFailedWindowsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{failing: true}
		job := newJob(rec, Settings{})
		job.Start()
		defer job.Stop()
		at := time.Now().Add(-time.Hour).Truncate(time.Hour).Unix()
		job.Touch([]int64{at, at + 300})
		time.Sleep(10 * time.Minute)
		require.Equal(t, 2, job.Pending())
		rec.setFailing(false)
		time.Sleep(time.Minute)
		require.Equal(t, []span{{at, at + 600}}, rec.spans())
	})
}

func TestJoin(t *testing.T) {
	const h = 3600
	tests := []struct {
		name   string
		starts []int64
		want   []span
	}{
		{"none", nil, nil},
		{"neighbours in any order", []int64{600, 0, 300}, []span{{0, 900}}},
		{"a gap", []int64{0, 600}, []span{{0, 300}, {600, 900}}},
		{"an hour ends", []int64{h - 300, h}, []span{{h - 300, h}, {h, h + 300}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := join(tt.starts)
			require.Equal(t, tt.want, got)
			for _, s := range got {
				require.Equal(t, s.hour(), span{s.to - 1, s.to}.hour(), fmt.Sprint(s))
			}
		})
	}
}

func TestStopWithoutStart(t *testing.T) { newJob(&recorder{}, Settings{}).Stop() }
