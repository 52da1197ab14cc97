package servicegraph

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestRecordRoundTrip(t *testing.T) {
	want := Edge{
		Minute: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Src: "shop", Dst: "pay", Connection: Messaging, Environment: "production",
		SrcVersion: "1", DstVersion: "2", DstCommitSHA: "c", DstBuildRunID: "r",
		Sums: Sums{Calls: 3.5, Errors: 1, Unpaired: 0.5, DurationSum: 1e9, DurationMax: 5, Histogram: map[uint8]uint64{0: 1, 255: 7}},
	}
	lr := plog.NewLogRecord()
	want.AppendTo(lr)
	got, ok, err := FromLogRecord(lr)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, want, got)
	_, ok, err = FromLogRecord(plog.NewLogRecord())
	require.False(t, ok)
	require.NoError(t, err)
}

func TestRecordRefuses(t *testing.T) {
	for want, edit := range map[string]func(pcommon.Map){
		attrConnection + ` is "carrier pigeon", want rpc`: func(a pcommon.Map) { a.PutStr(attrConnection, "carrier pigeon") },
		attrCalls + " must be a finite number":            func(a pcommon.Map) { a.PutDouble(attrCalls, -1) },
		attrSum + " is missing or no Double":              func(a pcommon.Map) { a.Remove(attrSum) },
		attrBuckets + " has another length":               func(a pcommon.Map) { a.PutEmptySlice(attrCounts) },
		attrBuckets + " must be numbers from 0 to 255":    func(a pcommon.Map) { v, _ := a.Get(attrBuckets); v.Slice().At(0).SetInt(256) },
		attrMax + " is missing or no Int":                 func(a pcommon.Map) { a.PutStr(attrMax, "x") },
	} {
		e := Edge{Connection: RPC, Sums: Sums{Histogram: map[uint8]uint64{1: 1}}}
		lr := plog.NewLogRecord()
		e.AppendTo(lr)
		edit(lr.Attributes())
		_, ok, err := FromLogRecord(lr)
		require.True(t, ok)
		require.ErrorContains(t, err, want)
	}
}
