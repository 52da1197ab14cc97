package reader_test

import (
	"context"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/tenant"
)

// checks is how often a property is tried: each try inserts a segment into the engine.
const checks = "20"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	os.Exit(enginetest.Main(m))
}

// now is the time of arrival in tests.
var now = time.Now().UTC().Truncate(time.Second)

// trip is one property try: a tenant of its own, whose rows are read back.
type trip struct {
	*otlptest.Draw
	store  clickhouse.Store
	tenant tenant.ID
	enc    *writer.Encoder
}

func newTrip(t *rapid.T, store clickhouse.Store) *trip {
	return &trip{
		Draw: &otlptest.Draw{T: t, Now: now}, store: store, tenant: tenant.ID(uuid.New()),
		enc: writer.New(writer.Options{Now: func() time.Time { return now }}),
	}
}

func (tr *trip) scope() reader.Scope {
	return reader.Scope{Tenant: tr.tenant, From: now.Add(-24 * time.Hour), To: now.Add(24 * time.Hour)}
}

// stamp puts the tenant on a resource, as the envelope processor does, and now and then a correlation.
func (tr *trip) stamp(res pcommon.Resource) {
	res.Attributes().PutStr(envelope.AttrTenantID, tr.tenant.String())
	if tr.Bool() {
		res.Attributes().PutStr(envelope.AttrCommitSHA, "0123456789abcdef0123456789abcdef01234567")
		res.Attributes().PutStr(envelope.AttrBuildRunID, "github:github.com:acme/shop:1:1")
		res.Attributes().PutStr(envelope.AttrBasis, envelope.BasisDigest.String())
	}
}

// unstamp takes the tenant off again: the caller knows it, so it is not read back.
func unstamp(res pcommon.Resource) { res.Attributes().Remove(envelope.AttrTenantID) }

// insert takes batches through the queue's form into the engine, as one segment.
func (tr *trip) insert(batches ...*writer.Batch) { insert(tr, tr.store, batches...) }

func insert(t require.TestingT, store clickhouse.Store, batches ...*writer.Batch) {
	set := writer.NewSet(now)
	for _, b := range batches {
		require.NoError(t, set.Add(b.AppendRecord(nil)))
		b.Committed()
		b.Release()
	}
	insertSet(t, store, set)
}

func insertSet(t require.TestingT, store clickhouse.Store, set *writer.Set) {
	// A segment has a token of its own: equal rows of two segments are two.
	settings := map[string]string{"input_format_native_allow_types_conversion": "0", "insert_deduplication_token": uuid.NewString()}
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		return store.Insert(context.Background(), clickhouse.Insert{
			Table: ins.Table, Columns: ins.Columns, Settings: settings,
			Body: func(w io.Writer) error {
				_, err := ins.WriteTo(w)
				return err
			},
		})
	}))
}

// same compares flattened requests and shows the first that differ.
func same(t require.TestingT, want, got []string, show func(string) string) {
	for i := range want {
		if i < len(got) && want[i] != got[i] {
			require.Equal(t, show(want[i]), show(got[i]))
			require.Equal(t, []byte(want[i]), []byte(got[i]))
		}
	}
	require.Equal(t, len(want), len(got), "number of items")
}
