package buildrows_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/buildrows"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/fingerprint"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	update  = flag.Bool("update", false, "write the rows in testdata")
	arrival = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	frame   = buildrows.Frame{Tenant: tenant.ID{1, 2, 15: 16}, Now: arrival, Days: 730, MaxTextBytes: 64}
)

// open makes the columns of a table and puts them into the fields that are tagged with their names.
func open[C any](tab *table.Table) (*C, []column.Named) {
	cols := new(C)
	v := reflect.ValueOf(cols).Elem()
	var named []column.Named
	for _, c := range tab.Columns {
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("col") == c.Name {
				col := column.MustNew(c.Type)
				v.Field(i).Set(reflect.ValueOf(col))
				named = append(named, column.Named{Name: c.Name, Column: col})
			}
		}
	}
	return cols, named
}

// text writes a row's value as a person reads it: an enumeration by its name, a time of ms in UTC.
func text(c column.Column, row int) string {
	switch c := c.(type) {
	case *column.Fixed:
		return fmt.Sprintf("%x", c.At(row))
	case *column.LowCard:
		return fmt.Sprintf("%q", c.At(row))
	case *column.Str:
		return fmt.Sprintf("%q", c.At(row))
	case *column.Num[int8]:
		for _, name := range strings.Split(strings.Trim(strings.TrimPrefix(c.Type(), "Enum8"), "()"), ", ") {
			if name, number, _ := strings.Cut(name, " = "); number == fmt.Sprint(c.Data[row]) {
				return strings.Trim(name, "'")
			}
		}
		return fmt.Sprintf("%d, which %s lacks", c.Data[row], c.Type())
	case *column.Num[int64]:
		return time.UnixMilli(c.Data[row]).UTC().Format("2006-01-02T15:04:05.000Z")
	case *column.Array:
		var parts []string
		for from, to := c.Span(row); from < to; from++ {
			parts = append(parts, text(c.Elem, from))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *column.Map:
		var parts []string
		for from, to := c.Span(row); from < to; from++ {
			parts = append(parts, text(c.Keys, from)+": "+text(c.Values, from))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return fmt.Sprint(reflect.ValueOf(c).Elem().FieldByName("Data").Index(row))
	}
}

// rows writes all rows, one value a line.
func rows(tab *table.Table, named []column.Named) string {
	var b strings.Builder
	for row := range column.Rows(named) { // panics when a column was left behind
		fmt.Fprintf(&b, "%s\n", tab.Name)
		for _, n := range named {
			fmt.Fprintf(&b, "  %s: %s\n", n.Name, text(n.Column, row))
		}
	}
	return b.String()
}

// write gives the rows of an event.
func write(f *buildrows.Frame, ev build.Event) string {
	var out string
	if d, ok := ev.(*build.Deployment); ok {
		cols, named := open[buildrows.Deploys](table.Deploys)
		cols.Add(f, d)
		out += rows(table.Deploys, named)
	} else if row, ok := build.RowOf(ev); ok {
		cols, named := open[buildrows.Builds](table.Builds)
		cols.Add(f, &row)
		out += rows(table.Builds, named)
	}
	nodes, edges := build.Graph(ev)
	nodeCols, named := open[buildrows.Nodes](table.GraphNodes)
	nodeCols.Add(f, nodes)
	out += rows(table.GraphNodes, named)
	edgeCols, named := open[buildrows.Edges](table.GraphEdges)
	edgeCols.Add(f, edges)
	return out + rows(table.GraphEdges, named)
}

func at(second int) time.Time {
	return time.Date(2026, 3, 4, 5, 0, second, 250_000_000, time.FixedZone("", 2*3600))
}

func TestRowsOfEvents(t *testing.T) {
	key := build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "77", Attempt: 2}
	for _, tc := range []struct {
		name  string
		event build.Event
	}{
		{name: "run", event: &build.Run{RunKey: key, State: build.State{
			Pipeline: "ci.yml", Name: "CI", Branch: "main", CommitSHA: strings.Repeat("a", 40), Trigger: "push", ActorHash: "h1", PRNumber: 12,
			CreatedAt: at(0), StartedAt: at(5), FinishedAt: at(65), UpdatedAt: at(66), Queued: 5 * time.Second, Approval: time.Second, Duration: time.Minute,
			Status: build.StatusSuccess, URL: "https://github.com/acme/shop/actions/runs/77", CostUSD: 0.125, TraceID: [16]byte{1}, SpanID: [8]byte{7: 2},
			Attrs: map[string]string{build.KeyRunNumber: "40", build.KeyConclusion: "success"}, Version: 7,
		}}},
		{name: "test_case", event: &build.Task{
			RunKey: key, ID: "9/suite/case", ParentID: "9/suite", Kind: build.KindTestCase, State: build.State{
				Name: "pays", StartedAt: at(10), FinishedAt: at(11), Duration: 1234 * time.Microsecond, Status: build.StatusFailure,
				Message: "want 200, got 500", Attrs: map[string]string{build.KeySuite: "checkout"}, Version: 3,
			},
			Flaky: true, Retries: 2, ErrorFP: [16]byte{9}, Runner: "runner-1", RunnerClass: "ubuntu-24.04", CPUSeconds: 1.5, MemPeakBytes: 1 << 30, CacheHit: build.CacheMiss,
		}},
		{name: "step", event: &build.Task{RunKey: key, ID: "9/1", ParentID: "9", Kind: build.KindStep, StepNumber: 1, State: build.State{Name: "checkout", Status: build.StatusRunning}}},
		{name: "artifact", event: &build.Artifact{
			RunKey: key, Digest: "sha256:" + strings.Repeat("b", 64), TaskID: "9", Name: "ghcr.io/acme/shop", ArtifactVersion: "1.4.2", Service: "shop",
			CommitSHA: strings.Repeat("a", 40), Branch: "main", CreatedAt: at(60), URL: "https://ghcr.io", Version: 5,
		}},
		{name: "deployment", event: &build.Deployment{
			Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: "5", Service: "shop", Environment: "production", ServiceVersion: "1.4.2",
			CommitSHA: strings.Repeat("a", 40), PreviousCommit: strings.Repeat("c", 40), BuildRunID: key.ID(), Digests: []string{"sha256:1", "sha256:2"},
			Basis: envelope.BasisDigest, Status: build.DeploySuccess, CreatedAt: at(70), StartedAt: at(71), FinishedAt: at(80), UpdatedAt: at(81),
			ApprovedBy: "h2", Creator: "h1", URL: "https://example.test", RollbackOf: "4", Attrs: map[string]string{"ring": "1"}, Version: 8,
		}},
		{name: "commit", event: &build.Commit{
			Provider: "github", Host: "github.com", Repo: "acme/shop", SHA: strings.Repeat("a", 40), Message: "pay once", Author: "Ada", Branch: "main",
			ChangedFiles: 3, CommittedAt: at(0), Version: 1,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := write(&frame, tc.event)
			golden := filepath.Join("testdata", tc.name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// value gives the only row's value of a column of metrics_build_v1.
func value(t require.TestingT, f buildrows.Frame, row build.Row, name string) string {
	cols, named := open[buildrows.Builds](table.Builds)
	cols.Add(&f, &row)
	i := slices.IndexFunc(named, func(n column.Named) bool { return n.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return text(named[i].Column, 0)
}

func TestRowsLiveFromTheLastTimeThatIsKnown(t *testing.T) {
	state := func(s build.State) build.Row { return build.Row{Entity: "run", State: s} }
	for _, tc := range []struct {
		name, want string
		row        build.Row
	}{
		{"updated", "2026-03-04T03:00:09.250Z", state(build.State{UpdatedAt: at(9), FinishedAt: at(8), StartedAt: at(7), CreatedAt: at(6)})},
		{"finished", "2026-03-04T03:00:08.250Z", state(build.State{FinishedAt: at(8), StartedAt: at(7), CreatedAt: at(6)})},
		{"started", "2026-03-04T03:00:07.250Z", state(build.State{StartedAt: at(7), CreatedAt: at(6)})},
		{"created", "2026-03-04T03:00:06.250Z", state(build.State{CreatedAt: at(6)})},
		{"arrived", "2026-03-04T05:06:07.000Z", state(build.State{})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, value(t, frame, tc.row, "updated_at"))
		})
	}
	require.Equal(t, "1970-01-01T00:00:00.000Z", value(t, frame, state(build.State{}), "finished_at"), "unknown is zero, not the arrival")
}

func TestDurationsAreNeverNegative(t *testing.T) {
	row := build.Row{Entity: "run", State: build.State{Queued: -time.Second, Approval: -1, Duration: -time.Hour}}
	for _, name := range []string{"queued_ms", "approval_ms", "duration_ms"} {
		require.Equal(t, "0", value(t, frame, row, name), name)
	}
}

func TestFingerprintsSayTheirVersion(t *testing.T) {
	require.Equal(t, "0", value(t, frame, build.Row{Entity: "task"}, "error_fp_version"))
	require.Equal(t, fmt.Sprint(fingerprint.Version), value(t, frame, build.Row{Entity: "task", ErrorFP: [16]byte{15: 1}}, "error_fp_version"))
}

func TestNamesOfTwoSuitesAreTwo(t *testing.T) {
	fp := func(suite, name string) string {
		return value(t, frame, build.Row{Entity: "test_case", State: build.State{Name: name, Attrs: map[string]string{build.KeySuite: suite}}}, "name_fp")
	}
	require.Equal(t, fp("cart", "adds"), fp("cart", "adds"))
	require.NotEqual(t, fp("cart", "adds"), fp("till", "adds"))
	require.NotEqual(t, fp("ab", "c"), fp("a", "bc"), "where the suite ends is told")
}

// However long a text is, what is kept is its start and says how long it was; a shorter one is kept whole.
func TestTextsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frame
		f.MaxTextBytes = rapid.IntRange(1, 40).Draw(t, "limit")
		s := rapid.StringN(0, 60, -1).Draw(t, "text")
		want := fmt.Sprintf("%q", s)
		if len(s) > f.MaxTextBytes {
			want = fmt.Sprintf("%q", anyvalue.CutString(s, f.MaxTextBytes))
			require.Contains(t, want, fmt.Sprintf("was %d bytes", len(s)))
		}
		row := build.Row{Entity: "task", State: build.State{Message: s, Attrs: map[string]string{"k": s}}}
		require.Equal(t, want, value(t, f, row, "message"))
		require.Equal(t, `{"k": `+want+`}`, value(t, f, row, "attrs"))
	})
}

func TestEveryStatusHasItsName(t *testing.T) {
	for i, name := range build.StatusNames() {
		require.Equal(t, name, value(t, frame, build.Row{Entity: "run", State: build.State{Status: build.Status(i)}}, "status"))
	}
	for i, name := range build.DeployStatusNames() {
		require.Contains(t, write(&frame, &build.Deployment{Status: build.DeployStatus(i)}), "\n  status: "+name+"\n")
	}
	for _, hit := range []build.CacheHit{build.CacheUnknown, build.CacheMiss, build.CacheHitYes} {
		require.Equal(t, hit.String(), value(t, frame, build.Row{Entity: "task", CacheHit: hit}, "cache_hit"))
	}
	for _, basis := range []envelope.Basis{envelope.BasisNone, envelope.BasisDigest, envelope.BasisRevision, envelope.BasisVersion, envelope.BasisTime} {
		require.Contains(t, write(&frame, &build.Deployment{Basis: basis}), "\n  correlation_basis: "+basis.String()+"\n")
	}
}

// Attributes lie in the order of their keys, so that equal events are equal bytes.
func TestRowsOfEqualEventsAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attrs := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "attrs")
		ev := func() build.Event {
			same := make(map[string]string)
			for _, k := range rapid.Permutation(slices.Collect(maps.Keys(attrs))).Draw(t, "order") {
				same[k] = attrs[k]
			}
			return &build.Run{RunKey: build.RunKey{Provider: "p", Repo: "r", RunID: "1"}, State: build.State{Attrs: same}}
		}
		require.Equal(t, write(&frame, ev()), write(&frame, ev()))
	})
}
