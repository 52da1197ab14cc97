package build

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func genChange(t *rapid.T) *Change {
	c := &Change{
		Provider: word().Draw(t, "provider"), Host: word().Draw(t, "host"), Repo: word().Draw(t, "repo"), Number: rapid.Uint32().Draw(t, "number"),
		Title: rapid.String().Draw(t, "title"), State: rapid.SampledFrom([]ChangeState{ChangeOpen, ChangeMerged, ChangeClosed}).Draw(t, "state"),
		HeadSHA: word().Draw(t, "head"), MergeSHA: word().Draw(t, "merge"), HeadBranch: word().Draw(t, "branch"), BaseBranch: word().Draw(t, "base"),
		AuthorHash: word().Draw(t, "author"), URL: word().Draw(t, "url"), ChangedFiles: rapid.Uint32().Draw(t, "files"),
		CreatedAt: genTime().Draw(t, "created"), MergedAt: genTime().Draw(t, "merged"), UpdatedAt: genTime().Draw(t, "updated"), Attrs: genAttrs(t),
		Version: rapid.Uint64().Draw(t, "version"),
	}
	if n := rapid.IntRange(0, 3).Draw(t, "labels"); n > 0 {
		c.Labels = rapid.SliceOfN(word(), n, n).Draw(t, "label")
	}
	return c
}

func TestGraphOfChangesAndReleases(t *testing.T) {
	change := &Change{
		Provider: "github", Host: "github.com", Repo: "acme/shop", Number: 12, Title: "Fix rounding", State: ChangeMerged, HeadSHA: "aaa", MergeSHA: "bbb",
		Labels: []string{"bug", "hotfix"}, MergedAt: at(9), CreatedAt: at(1), UpdatedAt: at(9), Version: 7,
	}
	nodes, edges := Graph(change)
	require.Equal(t, Node{
		Kind: NodeChange, ID: "github:github.com:acme/shop:change:12", Name: "Fix rounding", FirstSeen: at(1), LastSeen: at(9), Version: 7,
		Props: map[string]string{
			"repo": "acme/shop", "number": "12", "state": "merged", "labels": "bug,hotfix", "head_sha": "aaa", "merge_sha": "bbb", "merged_at": FormatTime(at(9)),
		},
	}, nodes[0])
	got, named := names(nodes, edges)
	require.Equal(t, map[string]bool{
		"Change github:github.com:acme/shop:change:12": false, "Commit github:github.com:acme/shop:aaa": true, "Commit github:github.com:acme/shop:bbb": true,
	}, got)
	require.Equal(t, []edgeName{
		{"Change github:github.com:acme/shop:change:12", RelHasHead, "Commit github:github.com:acme/shop:aaa"},
		{"Change github:github.com:acme/shop:change:12", RelMergedAs, "Commit github:github.com:acme/shop:bbb"},
	}, named)

	release := &Release{
		Provider: "github", Host: "github.com", Repo: "acme/shop", Tag: "v1.2.0", CommitSHA: "bbb", Prerelease: true, PublishedAt: at(20), CreatedAt: at(10), Version: 3,
	}
	nodes, edges = Graph(release)
	require.Equal(t, "v1.2.0", nodes[0].Name)
	require.Equal(t, map[string]string{
		"repo": "acme/shop", "tag": "v1.2.0", "commit_sha": "bbb", "prerelease": "true", "published_at": FormatTime(at(20)),
	}, nodes[0].Props)
	require.Equal(t, at(10), nodes[0].FirstSeen)
	_, named = names(nodes, edges)
	require.Equal(t, []edgeName{{"Release github:github.com:acme/shop:release:v1.2.0", RelReleasesOf, "Commit github:github.com:acme/shop:bbb"}}, named)
}

func TestRetriedTaskPointsToTheOldOne(t *testing.T) {
	task := &Task{RunKey: key("31", 1), ID: "412", ParentID: "test", Kind: KindJob, State: State{
		Name: "unit", StartedAt: at(5), FinishedAt: at(9), Status: StatusSuccess, Attrs: map[string]string{KeyRetryOf: "377", KeyRepoID: "9"},
	}}
	nodes, edges := Graph(task)
	_, named := names(nodes, edges)
	require.Contains(t, named, edgeName{"Task " + key("31", 1).ID() + ":412", RelRetryOf, "Task " + key("31", 1).ID() + ":377"})

	td := Spans(&Run{RunKey: key("31", 1), State: State{Stub: true, Attrs: map[string]string{KeyRepoID: "9"}}}, []*Task{task})
	sp := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	k := key("31", 1).TraceKey("9")
	require.Equal(t, 1, sp.Links().Len())
	require.Equal(t, k.TraceID(), [16]byte(sp.Links().At(0).TraceID()))
	require.Equal(t, k.TaskSpanID("377"), [8]byte(sp.Links().At(0).SpanID()))
}

func TestFileListIsBounded(t *testing.T) {
	require.Equal(t, "a.go\nb/c.go\nd.go", FileList([]string{"a.go", ""}, []string{"b/c.go", "odd\nname"}, []string{"d.go"}))
	require.Empty(t, FileList(nil, nil))
	many := make([]string, 4000)
	for i := range many {
		many[i] = strings.Repeat("x", 40)
	}
	list := FileList(many)
	require.LessOrEqual(t, len(list), maxFilesBytes)
	require.Greater(t, len(list), maxFilesBytes-100)
	for line := range strings.Lines(list) {
		require.Len(t, strings.TrimSuffix(line, "\n"), 40, "no path is cut")
	}
}

// A pipeline that goes back from failed to running is a legal move: the time decides, whatever the rank.
func TestResumableVersionsFollowTheTime(t *testing.T) {
	order := []uint64{
		ResumableVersion(StatusQueued, at(0)), ResumableVersion(StatusRunning, at(0)), ResumableVersion(StatusFailure, at(5)),
		ResumableVersion(StatusRunning, at(9)), ResumableVersion(StatusSuccess, at(9)), ResumableVersion(StatusSuccess, at(10)),
	}
	for i := 1; i < len(order); i++ {
		require.Less(t, order[i-1], order[i], "%d", i)
	}
	require.Equal(t, uint64(ResumableRank), order[0]>>56)
}

func TestRunThatIsTakenUpAgainHasASpanBelowItsRoot(t *testing.T) {
	run := finishedRun()
	run.Attempt = 1
	run.Attrs = map[string]string{KeyFirstFinishedAt: FormatTime(at(60)), KeyRepoID: "42"}
	k := run.TraceKey("42")
	first := Spans(run, nil).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, k.RootSpanID(), [8]byte(first.SpanID()))
	require.True(t, first.ParentSpanID().IsEmpty())

	run.FinishedAt, run.Status = at(300), StatusSuccess
	again := Spans(run, nil).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, first.TraceID(), again.TraceID())
	require.Equal(t, k.RootSpanID(), [8]byte(again.ParentSpanID()))
	require.Equal(t, k.ResumedSpanID(at(300)), [8]byte(again.SpanID()))
	require.Equal(t, at(60), again.StartTimestamp().AsTime())
	require.Equal(t, at(300), again.EndTimestamp().AsTime())
}

func TestProviderKeysAreDistinct(t *testing.T) {
	seen := map[[16]byte]bool{}
	for _, k := range []TraceKey{
		GitHubKey("github.com", "1", "2", 0), GitHubKey("github.com", "1", "2", 2), GitHubKey("ghe.acme.io", "1", "2", 1), GitHubKey("github.com", "1", "23", 1),
		GitLabKey("gitlab.com", "1", "2"), GitLabKey("gitlab.com", "12", ""), BuildkiteKey("2"), CircleCIKey("2"),
	} {
		id := k.TraceID()
		require.False(t, seen[id], "%+v", k)
		seen[id] = true
	}
	require.Equal(t, GitHubKey("github.com", "1", "2", 1), GitHubKey("github.com", "1", "2", 0))
}
