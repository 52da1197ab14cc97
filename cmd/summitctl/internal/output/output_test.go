package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
)

// noTable is given where a format must not ask for the table.
func noTable(json.RawMessage) ([]output.Grid, error) {
	return nil, errors.New("the table was asked for")
}

func write(t require.TestingT, f output.Format, raw string) string {
	var b bytes.Buffer
	require.NoError(t, output.Write(&b, f, json.RawMessage(raw), noTable))
	return b.String()
}

// texts are what monitored systems put into names and messages.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "true", "null", "~", "1", "0x1F", "1e3", "2026-03-14", "- a", "a: b", "#", "'", `"`, "|", ">", "&a", "*a", "!!str x", "{", "[", "%",
		" lead", "trail ", "a\nb", "a\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u009b", "\u2028", "\ufeff", "\ufffe", "\U0001f600", "é", "<&>", "\\",
		strings.Repeat("long ", 300),
	}))
}

func documents(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		texts().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Map(rapid.Int64(), func(n int64) json.Number { return json.Number(fmt.Sprint(n)) }).AsAny(),
		rapid.SampledFrom([]json.Number{"0.1", "1e300", "-0", "18446744073709551615", "1773500966.123", "0.10"}).AsAny(),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return documents(depth - 1) })
	return rapid.OneOf(append(leaves, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(texts(), inner, 0, 4).AsAny())...)
}

// decode reads JSON with the digits that numbers have.
func decode(t require.TestingT, raw []byte) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v), "%s", raw)
	return v
}

// fromYAML gives the value of a node as decode gives JSON's; what is plain in YAML and no text has its digits.
func fromYAML(t require.TestingT, n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return fromYAML(t, n.Content[0])
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, fromYAML(t, c))
		}
		return out
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = fromYAML(t, n.Content[i+1])
		}
		return out
	}
	switch n.ShortTag() {
	case "!!str":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	}
	return json.Number(n.Value)
}

func TestEachFormatHoldsTheWholeAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(rapid.MapOfN(texts(), documents(3), 0, 5).Draw(t, "answer"))
		require.NoError(t, err)
		want := decode(t, raw)

		require.Equal(t, want, decode(t, []byte(write(t, output.JSON, string(raw)))))

		var doc yaml.Node
		text := write(t, output.YAML, string(raw))
		require.NoError(t, yaml.Unmarshal([]byte(text), &doc), "%s", text)
		require.Equal(t, want, fromYAML(t, &doc), "%s", text)
	})
}

func TestLinesAreTheItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(documents(2), 0, 5).Draw(t, "items")
		if items == nil {
			items = []any{}
		}
		name := rapid.SampledFrom([]string{"items", "result"}).Draw(t, "name")
		raw, err := json.Marshal(map[string]any{name: items, "next": "c"})
		require.NoError(t, err)
		text := write(t, output.NDJSON, string(raw))
		lines := strings.SplitAfter(text, "\n")
		require.Len(t, lines, len(items)+1)
		require.Empty(t, lines[len(items)], "the last line is ended")
		for i, item := range items {
			want, err := json.Marshal(item)
			require.NoError(t, err)
			require.Equal(t, decode(t, want), decode(t, []byte(lines[i])))
		}
	})
}

func TestAnswerWithoutItemsIsOneLine(t *testing.T) {
	for _, raw := range []string{"{\n \"a\": [1, 2]}", `{"items": null}`, `{"result": 3}`, `[1]`, `"x"`} {
		text := write(t, output.NDJSON, raw)
		require.Equal(t, 1, strings.Count(text, "\n"))
		require.JSONEq(t, raw, text)
	}
}

func TestYAMLKeepsOrderAndDigits(t *testing.T) {
	const raw = `{"z":1.50,"a":[{"k":"v","n":12345678901234567890}],"t":"yes","e":{},"l":[],"3":"three","multi":"a\nb"}`
	require.Equal(t, `z: 1.50
a:
  - k: "v"
    n: 12345678901234567890
t: "yes"
e: {}
l: []
"3": "three"
multi: "a\nb"
`, write(t, output.YAML, raw))
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	for _, f := range []output.Format{output.JSON, output.YAML, output.NDJSON} {
		require.Error(t, output.Write(&bytes.Buffer{}, f, json.RawMessage(`{"a":`), noTable), f)
	}
	require.EqualError(t, output.Write(&bytes.Buffer{}, output.Table, json.RawMessage(`{}`), noTable), "the table was asked for")
}

// brokenPipe fails as a closed pager does.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	for _, f := range output.Formats {
		err := output.Write(brokenPipe{}, output.Format(f), json.RawMessage(`{"items":[{"a":1}]}`), func(json.RawMessage) ([]output.Grid, error) {
			return []output.Grid{{Header: []string{"A"}}, {Header: []string{"B"}}}, nil
		})
		require.ErrorContains(t, err, "broken pipe", f)
	}
}

// A table has a line per row, whatever the cells hold, and nothing that a terminal would obey.
func TestTableIsSafeAndInLines(t *testing.T) {
	cell := rapid.OneOf(texts(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		g := output.Grid{Header: []string{"A", "B"}}
		rows := rapid.IntRange(0, 4).Draw(t, "rows")
		for range rows {
			g.Add(cell.Draw(t, "a"), cell.Draw(t, "b"))
		}
		var b bytes.Buffer
		require.NoError(t, output.Write(&b, output.Table, nil, func(json.RawMessage) ([]output.Grid, error) { return []output.Grid{g, g}, nil }))
		require.True(t, utf8.Valid(b.Bytes()))
		require.Equal(t, 2*(rows+1)+1, strings.Count(b.String(), "\n"), "%q", b.String())
		for _, r := range b.String() {
			require.False(t, r != '\n' && unicode.IsControl(r), "%q", b.String())
		}
	})
}

func TestTableAlignsAndMarksWhatIsEmpty(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, output.Write(&b, output.Table, nil, func(json.RawMessage) ([]output.Grid, error) {
		first := output.Grid{}
		first.Add("name", "x")
		first.Add("longer name", "")
		second := output.Grid{Header: []string{"N", "TEXT"}}
		second.Add("10", "ä")
		second.Add("1000", "b\tc\r\nd")
		return []output.Grid{first, second}, nil
	}))
	require.Equal(t, `name         x
longer name  -

N     TEXT
10    ä
1000  b c  d
`, b.String())
}

func TestFormatIsAFlag(t *testing.T) {
	var f output.Format
	for _, name := range output.Formats {
		require.NoError(t, f.Set(name))
		require.Equal(t, name, f.String())
	}
	err := f.Set("csv")
	require.EqualError(t, err, `"csv" is no format: want one of table, json, yaml, ndjson`)
	require.Equal(t, exit.Usage, exit.Code(err))
	require.Equal(t, "ndjson", f.String(), "it keeps what it was")
	require.Equal(t, "format", f.Type())
}

func TestDuration(t *testing.T) {
	for ns, want := range map[int64]string{
		-1: "-", 0: "0ns", 999: "999ns", 1000: "1.0µs", 1_234_567: "1.2ms", 999_949: "999.9µs", 999_999: "1.0ms", 999_999_999: "1.00s",
		1_500_000_000: "1.50s", 59_994_000_000: "59.99s", 59_999_000_000: "1m0s", 60_000_000_000: "1m0s", 3_723_400_000_000: "1h2m3s",
	} {
		require.Equal(t, want, output.Duration(ns), ns)
	}
}

func TestTimesAreUTC(t *testing.T) {
	at := time.Date(2026, 3, 14, 16, 9, 26, 999_999_999, time.FixedZone("", 3600))
	require.Equal(t, "2026-03-14 15:09:26", output.Time(&at))
	require.Equal(t, "-", output.Time(nil))
	require.Equal(t, "-", output.Time(&time.Time{}))
}

func TestCuts(t *testing.T) {
	require.Equal(t, "3f2a9c1bdead", output.Short("3f2a9c1bdeadbeef"))
	require.Equal(t, "3f2a", output.Short("3f2a"))
	require.Equal(t, "äöü", output.Cut("äöü", 3))
	require.Equal(t, "äö…", output.Cut("äöüß", 3))
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "n")
		got := output.Cut(s, n)
		require.LessOrEqual(t, utf8.RuneCountInString(got), n)
		require.True(t, got == s || strings.HasPrefix(s, strings.TrimSuffix(got, "…")))
	})
}

func TestCount(t *testing.T) {
	require.Equal(t, "-3", output.Count(-3))
	require.Equal(t, "9223372036854775807", output.Count(int64(1<<63-1)))
}
