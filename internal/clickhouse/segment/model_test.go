package segment_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

var openedAt = time.Date(2026, 3, 4, 5, 6, 7, 891_000_000, time.UTC)

// node is a row of graph_nodes_v1 as the model keeps it. The record that brought it may have lacked its optional columns,
// which then hold the table's defaults.
type node struct {
	tenant         byte
	kind, id, name string
	props          map[string]string
	version        uint64
	days           uint16
}

// optional are the columns that a record may lack.
var optional = []string{"name", "props", "version", "retention_days"}

// defaults gives n without what a record lacks.
func (n node) without(lacks []string) node {
	for _, name := range lacks {
		switch name {
		case "name":
			n.name = ""
		case "props":
			n.props = nil
		case "version":
			n.version = 0
		case "retention_days":
			n.days = 730
		}
	}
	return n
}

func (n node) String() string {
	var props []string
	for _, k := range slices.Sorted(maps.Keys(n.props)) {
		props = append(props, k+"="+n.props[k])
	}
	return fmt.Sprintf("%d %s %s %q {%s} v%d %dd", n.tenant, n.kind, n.id, n.name, strings.Join(props, ","), n.version, n.days)
}

// columns makes the columns of nodes, without those that are lacking.
func columns(nodes []node, lacks []string) []column.Named {
	tenant, version, days := column.NewFixed("UUID", 16), column.NewNum[uint64]("UInt64"), column.NewNum[uint16]("UInt16")
	kind, id, name, props := column.NewLowCard(), column.NewStr(), column.NewStr(), column.NewMap(column.NewStr())
	for _, n := range nodes {
		tenant.AppendUUID([16]byte{15: n.tenant})
		kind.Append(n.kind)
		id.Append(n.id)
		name.Append(n.name)
		for _, k := range slices.Sorted(maps.Keys(n.props)) {
			props.Keys.Append(k)
			props.Values.(*column.Str).Append(n.props[k])
		}
		props.EndRow()
		version.Append(n.version)
		days.Append(n.days)
	}
	return slices.DeleteFunc([]column.Named{
		{Name: "tenant_id", Column: tenant}, {Name: "kind", Column: kind}, {Name: "id", Column: id}, {Name: "name", Column: name},
		{Name: "props", Column: props}, {Name: "version", Column: version}, {Name: "retention_days", Column: days},
	}, func(c column.Named) bool { return slices.Contains(lacks, c.Name) })
}

func nodesRecord(cols []column.Named) []byte {
	return segment.AppendRecord(nil, segment.AppendTable(nil, table.GraphNodes, cols))
}

// decode reads the nodes of an INSERT and checks that all have the segment's time of ingestion.
func decode(t require.TestingT, ins segment.Insert) []node {
	var b bytes.Buffer
	n, err := ins.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	cols := map[string]column.Column{}
	var order []string
	rows, err := column.ReadBlock(column.NewReader(b.Bytes()), func(name, typ string) (column.Column, error) {
		order, cols[name] = append(order, name), column.MustNew(typ)
		return cols[name], nil
	})
	require.NoError(t, err)
	require.Equal(t, ins.Rows, rows)
	require.Equal(t, ins.Columns, order)
	out := make([]node, rows)
	for i := range out {
		out[i] = node{
			tenant: cols["tenant_id"].(*column.Fixed).At(i)[8], kind: cols["kind"].(*column.LowCard).At(i), id: string(cols["id"].(*column.Str).At(i)),
		}.without(optional)
		require.Equal(t, openedAt.UnixMilli(), cols[segment.IngestedAt].(*column.Num[int64]).Data[i])
		if c, ok := cols["name"].(*column.Str); ok {
			out[i].name = string(c.At(i))
		}
		if c, ok := cols["version"].(*column.Num[uint64]); ok {
			out[i].version = c.Data[i]
		}
		if c, ok := cols["retention_days"].(*column.Num[uint16]); ok {
			out[i].days = c.Data[i]
		}
		if c, ok := cols["props"].(*column.Map); ok {
			from, to := c.Span(i)
			out[i].props = map[string]string{}
			for p := from; p < to; p++ {
				out[i].props[c.Keys.At(p)] = string(c.Values.(*column.Str).At(p))
			}
		}
	}
	return out
}

func drawNodes(t *rapid.T) []node {
	word := rapid.SampledFrom([]string{"", "a", "ab", "b", "é", "\xff"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) node {
		return node{
			tenant: rapid.ByteRange(0, 2).Draw(t, "tenant"), kind: word.Draw(t, "kind"), id: word.Draw(t, "id"), name: word.Draw(t, "name"),
			props:   rapid.MapOfN(rapid.SampledFrom([]string{"k", "l", "m"}), word, 0, 3).Draw(t, "props"),
			version: rapid.Uint64Max(9).Draw(t, "version"), days: rapid.Uint16Range(1, 900).Draw(t, "days"),
		}
	}), 0, 6).Draw(t, "nodes")
}

func byKey(a, b node) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), strings.Compare(a.kind, b.kind), strings.Compare(a.id, b.id))
}

// A set is a list of rows: whatever is added, in one record or in many, with or without optional columns, among damaged
// records, computed or cleared, one INSERT has all rows that are left, sorted by the key and equal keys as they came. Sets
// hand their memory on, so each drawn case runs on what the one before left.
func TestSetIsASortedListOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := segment.NewSet(openedAt, nil)
		defer set.Release()
		var model []node
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			nodes := drawNodes(t)
			lacks := slices.DeleteFunc(slices.Clone(optional), func(string) bool { return rapid.Bool().Draw(t, "has") })
			cols := columns(nodes, lacks)
			switch rapid.SampledFrom([]string{"record", "record", "append", "damage", "clear"}).Draw(t, "step") {
			case "record":
				require.NoError(t, set.Add(nodesRecord(cols)))
			case "append":
				require.NoError(t, set.Append(table.GraphNodes, cols))
			case "damage":
				// What precedes the damage is whole, and must be taken back.
				raw := segment.AppendTable(nil, table.GraphNodes, cols)
				raw = append(raw, segment.AppendTable(nil, table.GraphNodes, cols)[:rapid.IntRange(1, 12).Draw(t, "cut")]...)
				require.Error(t, set.Add(segment.AppendRecord(nil, raw)))
				continue
			case "clear":
				set.Clear(table.GraphNodes)
				model = nil
				continue
			}
			for _, n := range nodes {
				model = append(model, n.without(lacks))
			}
		}
		require.Equal(t, len(model), set.Rows(table.GraphNodes))
		slices.SortStableFunc(model, byKey)
		for range 2 { // Each may be called again
			var got []node
			require.NoError(t, set.Each(func(ins segment.Insert) error {
				require.Equal(t, table.GraphNodes.Name, ins.Table)
				got = decode(t, ins)
				return nil
			}))
			require.Equal(t, fmt.Sprint(model), fmt.Sprint(got))
		}
	})
}

func TestRowsOfOneRequestMayTakeManyFrames(t *testing.T) {
	// Text that doesn't compress, in several frames of a megabyte each.
	var nodes []node
	text := strings.Repeat("0123456789abcdef", 1<<12)
	for i := range 50 {
		nodes = append(nodes, node{kind: "Task", id: fmt.Sprintf("%03d", 49-i), name: fmt.Sprint(i) + text, version: uint64(i), days: 7})
	}
	record := nodesRecord(columns(nodes, nil))
	require.Less(t, len(record), 50*len(text)/4, "the record is compressed")
	set := segment.NewSet(openedAt, nil)
	defer set.Release()
	require.NoError(t, set.Add(record))
	slices.Reverse(nodes)
	require.NoError(t, set.Each(func(ins segment.Insert) error {
		require.Equal(t, fmt.Sprint(nodes), fmt.Sprint(decode(t, ins)))
		return nil
	}))
	for _, cut := range []int{2, len(record) / 2, len(record) - 1} {
		require.ErrorContains(t, set.Add(record[:cut]), "record is damaged", cut)
	}
	require.Equal(t, 50, set.Rows(table.GraphNodes))
}

func TestDerivedRowsAreAddedOnce(t *testing.T) {
	var set *segment.Set
	calls := 0
	set = segment.NewSet(openedAt, []segment.Deriver{{Name: "nodes", Run: func() error {
		calls++
		ids := set.Column(table.GraphNodes, "id").(*column.Str)
		return set.Append(table.GraphNodes, columns([]node{{kind: "Derived", id: string(ids.At(0))}}, nil))
	}}})
	defer set.Release()
	require.NoError(t, set.Add(nodesRecord(columns([]node{{kind: "Zone", id: "x"}}, optional))))
	for range 2 {
		require.NoError(t, set.Each(func(ins segment.Insert) error {
			got := decode(t, ins)
			require.Len(t, got, 2)
			require.Equal(t, "Derived", got[0].kind)
			require.Equal(t, "x", got[0].id)
			return nil
		}))
	}
	require.Equal(t, 1, calls)
}

// Whatever happens to one deriver, what was gathered and what the others derive is there.
func TestFailureOfADeriverTakesOnlyItsRows(t *testing.T) {
	derived := func(set **segment.Set, id string) error {
		return (*set).Append(table.GraphNodes, columns([]node{{kind: "Derived", id: id}}, nil))
	}
	for name, tt := range map[string]struct {
		fail func(set **segment.Set) error
		want []string
		says string
	}{
		"nothing fails": {func(**segment.Set) error { return nil }, []string{"before", "after", "x"}, ""},
		"an error":      {func(**segment.Set) error { return errors.New("no room") }, []string{"before", "after", "x"}, "no room"},
		"a panic":       {func(**segment.Set) error { panic("boom") }, []string{"before", "after", "x"}, "internal error: boom"},
		"an error after rows": {func(set **segment.Set) error {
			return errors.Join(derived(set, "half"), errors.New("no room"))
		}, []string{"before", "after", "x"}, "no room"},
		"uneven columns": {func(set **segment.Set) error {
			(*set).Column(table.GraphNodes, "id").(*column.Str).Append("half")
			panic("boom")
		}, []string{"before", "after", "x"}, "internal error: boom"},
		"an error after the rows were cleared": {func(set **segment.Set) error {
			(*set).Clear(table.GraphNodes)
			return errors.Join(derived(set, "half"), errors.New("no room"))
		}, []string{"after"}, "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			var set *segment.Set
			set = segment.NewSet(openedAt, []segment.Deriver{
				{Name: "first", Run: func() error { return derived(&set, "before") }},
				{Name: "second", Run: func() error { return tt.fail(&set) }},
				{Name: "third", Run: func() error { return derived(&set, "after") }},
			})
			defer set.Release()
			require.NoError(t, set.Add(nodesRecord(columns([]node{{kind: "Zone", id: "x"}}, optional))))
			var ids []string
			require.NoError(t, set.Each(func(ins segment.Insert) error {
				for _, n := range decode(t, ins) {
					ids = append(ids, n.id)
				}
				return nil
			}))
			require.ElementsMatch(t, tt.want, ids)
			if tt.says == "" {
				require.NoError(t, set.Failure())
			} else {
				require.EqualError(t, set.Failure(), "derive the second of a segment: "+tt.says)
			}
			again := segment.NewSet(openedAt, nil)
			defer again.Release()
			require.NoError(t, again.Failure(), "a set has no failure of an earlier one")
		})
	}
}

func TestColumnIsNilUntilARecordHasIt(t *testing.T) {
	set := segment.NewSet(openedAt, nil)
	defer set.Release()
	require.Nil(t, set.Column(table.GraphNodes, "id"), "no rows")
	require.NoError(t, set.Add(nodesRecord(columns([]node{{id: "x"}}, optional))))
	require.NotNil(t, set.Column(table.GraphNodes, "id"))
	require.Nil(t, set.Column(table.GraphNodes, "name"), "no record had it")
	require.Nil(t, set.Column(table.GraphNodes, "no_such"), "the table hasn't got it")
	require.Nil(t, set.Column(table.GraphEdges, "src_id"), "another table")
}

// An enumeration may have got more names since a record was queued; its numbers stay.
func TestEnumerationOfAnOlderBuildIsRead(t *testing.T) {
	older := column.NewNum[int8]("Enum8('none' = 0, 'digest' = 1)")
	older.Append(1)
	wrong := column.NewNum[int8]("Int8")
	wrong.Append(1)
	set := segment.NewSet(openedAt, nil)
	defer set.Release()
	record := func(basis column.Column) []byte {
		return segment.AppendRecord(nil, segment.AppendTable(nil, table.GraphEdges, []column.Named{{Name: "correlation_basis", Column: basis}}))
	}
	require.ErrorContains(t, set.Add(record(wrong)), `column "correlation_basis" is Int8 in the record, Enum8('none' = 0`)
	require.Zero(t, set.Rows(table.GraphEdges))
	require.NoError(t, set.Add(record(older)))
	require.Equal(t, []int8{1}, set.Column(table.GraphEdges, "correlation_basis").(*column.Num[int8]).Data)
}
