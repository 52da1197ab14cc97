package column

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var schemaTypes = []string{
	"UInt8", "Int8", "UInt16", "UInt32", "Int32", "UInt64", "Int64", "Float32", "Float64", "Bool", "Date",
	"DateTime('UTC')", "DateTime64(9, 'UTC')", "UUID", "FixedString(16)", "String", "LowCardinality(String)",
	"Enum8('a' = 0, 'b' = 1)", "Array(String)", "Array(UInt64)", "Array(LowCardinality(String))", "Array(FixedString(16))",
	"Map(LowCardinality(String), String)", "Map(LowCardinality(String), Float64)", "Map(LowCardinality(String), Bool)",
	"Array(Map(LowCardinality(String), String))", "Map(UInt8, UInt64)",
}

// fill appends n drawn rows.
func fill(t *rapid.T, c Column, n int) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abcé\x00")), 0, 3, -1)
	switch c := c.(type) {
	case *Num[uint8]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Uint8Range(0, 1), n, n).Draw(t, "v")...)
	case *Num[int8]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Int8Range(0, 1), n, n).Draw(t, "v")...)
	case *Num[uint16]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Uint16(), n, n).Draw(t, "v")...)
	case *Num[uint32]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "v")...)
	case *Num[int32]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Int32(), n, n).Draw(t, "v")...)
	case *Num[uint64]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, "v")...)
	case *Num[int64]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "v")...)
	case *Num[float32]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "v")...)
	case *Num[float64]:
		c.Data = append(c.Data, rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "v")...)
	case *Fixed:
		for range n {
			c.Append(rapid.SliceOfN(rapid.ByteRange(0, 2), 16, 16).Draw(t, "v"))
		}
	case *Str:
		for range n {
			c.Append(text.Draw(t, "v"))
		}
	case *LowCard:
		for range n {
			c.Append(text.Draw(t, "v"))
		}
	case *Array:
		for range n {
			fill(t, c.Elem, rapid.IntRange(0, 3).Draw(t, "len"))
			c.EndRow()
		}
	case *Map:
		for range n {
			pairs := rapid.IntRange(0, 3).Draw(t, "len")
			fill(t, c.Keys, pairs)
			fill(t, c.Values, pairs)
			c.EndRow()
		}
	case *Hist:
		for range n {
			pairs := rapid.IntRange(0, 3).Draw(t, "len")
			fill(t, c.Buckets, pairs)
			fill(t, c.Counts, pairs)
			c.EndRow()
		}
	default:
		t.Fatalf("no values for %T", c)
	}
}

// rowBytes is a row on its own, to compare rows of different columns.
func rowBytes(c Column, row int) []byte {
	one := MustNew(c.Type())
	one.Gather(c, []uint32{uint32(row)})
	return one.appendData(nil)
}

func TestBlockRoundTrip(t *testing.T) {
	for _, typ := range schemaTypes {
		t.Run(typ, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a, b, got := MustNew(typ), MustNew(typ), MustNew(typ)
				require.Equal(t, typ, a.Type())
				fill(t, a, rapid.IntRange(0, 6).Draw(t, "rows a"))
				fill(t, b, rapid.IntRange(0, 6).Draw(t, "rows b"))
				raw := AppendBlock(AppendBlock(nil, []Named{{"c", a}}), []Named{{"c", b}})
				r := NewReader(raw)
				for _, want := range []Column{a, b} {
					n, err := ReadBlock(r, func(name, gotType string) (Column, error) {
						require.Equal(t, "c", name)
						require.Equal(t, typ, gotType)
						return got, nil
					})
					require.NoError(t, err)
					require.Equal(t, want.Rows(), n)
				}
				require.True(t, r.Done())
				require.Equal(t, a.Rows()+b.Rows(), got.Rows())
				for i := range got.Rows() {
					from, at := a, i
					if i >= a.Rows() {
						from, at = b, i-a.Rows()
					}
					require.Equal(t, rowBytes(from, at), rowBytes(got, i), "row %d", i)
				}
			})
		})
	}
}

func TestDefaultsAndReset(t *testing.T) {
	for _, typ := range schemaTypes {
		c := MustNew(typ)
		c.AppendDefault(3)
		require.Equal(t, 3, c.Rows(), typ)
		c.Reset()
		require.Zero(t, c.Rows(), typ)
		c.AppendDefault(1)
		require.Equal(t, 1, c.Rows(), typ)
	}
}

// The reader of an independent implementation understands the blocks.
func TestBlockIsNative(t *testing.T) {
	name, ids, attrs := NewLowCard(), NewNum[uint64]("UInt64"), NewMap(NewStr())
	for i := range 300 {
		name.Append(fmt.Sprintf("n%d", i))
		ids.Append(uint64(i))
		attrs.Keys.Append("k")
		attrs.Values.(*Str).Append(fmt.Sprint(i))
		attrs.EndRow()
	}
	raw := AppendBlock(nil, []Named{{"name", name}, {"id", ids}, {"attrs", attrs}})

	gotName := new(proto.ColStr).LowCardinality()
	var gotID proto.ColUInt64
	gotAttrs := proto.NewMap[string, string](new(proto.ColStr).LowCardinality(), new(proto.ColStr))
	var block proto.Block
	err := block.DecodeRawBlock(proto.NewReader(bytes.NewReader(raw)), 54451, proto.Results{
		{Name: "name", Data: gotName}, {Name: "id", Data: &gotID}, {Name: "attrs", Data: gotAttrs},
	})
	require.NoError(t, err)
	require.Equal(t, 300, block.Rows)
	require.Equal(t, "n299", gotName.Row(299))
	require.Equal(t, uint64(299), gotID.Row(299))
	require.Equal(t, map[string]string{"k": "299"}, gotAttrs.Row(299))
}

func TestSortOrderIsStableAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		tenant, bucket := NewFixed("UUID", 16), NewNum[uint32]("DateTime('UTC')")
		service, ts, body := NewLowCard(), NewNum[int64]("DateTime64(9, 'UTC')"), NewStr()
		keys := []Column{tenant, bucket, service, ts, body}
		for _, k := range keys {
			fill(t, k, n)
		}
		less := func(a, b uint32) int {
			for _, k := range keys {
				o := k.Ordinals(nil)
				if o[a] != o[b] {
					if o[a] < o[b] {
						return -1
					}
					return 1
				}
			}
			return int(a) - int(b)
		}
		want := make([]uint32, n)
		for i := range want {
			want[i] = uint32(i)
		}
		slices.SortFunc(want, less)
		require.Equal(t, want, SortOrder(keys, n))
	})
}

func TestOrdinalsFollowTheValues(t *testing.T) {
	ts := NewNum[int64]("Int64")
	ts.Data = append(ts.Data, 5, -5, 0)
	o := ts.Ordinals(nil)
	require.True(t, o[1] < o[2] && o[2] < o[0])
	f := NewNum[float64]("Float64")
	f.Data = append(f.Data, 1.5, -2, 0)
	o = f.Ordinals(nil)
	require.True(t, o[1] < o[2] && o[2] < o[0])
	id := NewFixed("UUID", 16)
	id.AppendUUID([16]byte{7: 1})
	id.AppendUUID([16]byte{0: 1})
	id.AppendUUID([16]byte{15: 1})
	o = id.Ordinals(nil)
	require.Less(t, o[0], o[1])
	require.Less(t, o[1], o[2], "the second half counts first")
}

func TestUnknownTypeIsRefused(t *testing.T) {
	for _, typ := range []string{"", "JSON", "Nullable(String)", "LowCardinality(UInt8)", "Map(String, String)", "FixedString(x)", "Array(JSON)"} {
		_, err := New(typ)
		require.ErrorContains(t, err, "column type", typ)
	}
}

func FuzzReadBlock(f *testing.F) {
	c := NewMap(NewStr())
	c.Keys.Append("k")
	c.Values.(*Str).Append("v")
	c.EndRow()
	f.Add(AppendBlock(nil, []Named{{"a", c}}))
	f.Add([]byte{1, 255, 255, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := ReadBlock(NewReader(b), func(_, typ string) (Column, error) { return New(typ) })
		if err == nil && len(b) == 0 {
			t.Fatal("an empty input is no block")
		}
	})
}

func BenchmarkSortedBlock(b *testing.B) {
	name, ts, attrs := NewLowCard(), NewNum[int64]("DateTime64(9, 'UTC')"), NewMap(NewStr())
	const rows = 100_000
	for i := range rows {
		name.Append(fmt.Sprintf("n%d", i%50))
		ts.Append(int64(i * 7919 % rows))
		for a := range 10 {
			attrs.Keys.Append(fmt.Sprintf("key%d", a))
			attrs.Values.(*Str).Append(fmt.Sprint(i * a))
		}
		attrs.EndRow()
	}
	cols := []Named{{"name", name}, {"ts", ts}, {"attrs", attrs}}
	b.ReportAllocs()
	for b.Loop() {
		perm := SortOrder([]Column{name, ts}, rows)
		if err := WriteSorted(discard{}, cols, perm); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestTruncateDropsTheLastRows(t *testing.T) {
	for _, typ := range schemaTypes {
		t.Run(typ, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				whole, cut := MustNew(typ), MustNew(typ)
				fill(t, whole, rapid.IntRange(0, 6).Draw(t, "rows"))
				all := make([]uint32, whole.Rows())
				for i := range all {
					all[i] = uint32(i)
				}
				cut.Gather(whole, all)
				keep := rapid.IntRange(0, 7).Draw(t, "keep")
				cut.Truncate(keep)
				require.Equal(t, min(keep, whole.Rows()), cut.Rows())
				fill(t, cut, 1)
				require.Equal(t, min(keep, whole.Rows())+1, cut.Rows())
				for i := range min(keep, whole.Rows()) {
					require.Equal(t, rowBytes(whole, i), rowBytes(cut, i))
				}
			})
		})
	}
}

func TestLowCardKeepsValuesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewLowCard()
		for range 2 {
			want := rapid.SliceOf(rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 2, -1)).Draw(t, "values")
			for _, v := range want {
				c.Append(v)
			}
			for i, v := range want {
				require.Equal(t, v, c.At(i))
			}
			seen := map[string]bool{}
			for _, v := range want {
				seen[v] = true
			}
			require.Equal(t, len(seen), c.Distinct())
			c.Reset()
		}
	})
}

// A sorted block is the block of a column that gathered the rows in that order.
func TestWriteSortedIsGatherThenAppend(t *testing.T) {
	for _, typ := range schemaTypes {
		t.Run(typ, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c, sorted := MustNew(typ), MustNew(typ)
				fill(t, c, rapid.IntRange(0, 8).Draw(t, "rows"))
				var perm []uint32
				if c.Rows() > 0 {
					perm = rapid.SliceOfN(rapid.Uint32Range(0, uint32(c.Rows()-1)), 0, 12).Draw(t, "perm")
				}
				sorted.Gather(c, perm)
				var got bytes.Buffer
				require.NoError(t, WriteSorted(&got, []Named{{"a", c}, {"b", c}}, perm))
				require.Equal(t, AppendBlock(nil, []Named{{"a", sorted}, {"b", sorted}}), got.Bytes())
			})
		})
	}
}

func TestWriteSortedFlushesLargeBlocks(t *testing.T) {
	c, perm := NewStr(), []uint32(nil)
	for i := range 5000 {
		c.Append(strings.Repeat(string(rune('a'+i%26)), i%3000))
		perm = append(perm, uint32(4999-i))
	}
	sorted := NewStr()
	sorted.Gather(c, perm)
	var got bytes.Buffer
	require.NoError(t, WriteSorted(&got, []Named{{"a", c}}, perm))
	require.True(t, bytes.Equal(AppendBlock(nil, []Named{{"a", sorted}}), got.Bytes()))
	require.ErrorIs(t, WriteSorted(brokenWriter{}, []Named{{"a", c}}, perm), io.ErrClosedPipe)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
