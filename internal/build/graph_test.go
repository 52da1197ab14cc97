package build

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/envelope"
)

// Whatever an event is, its graph is the same each time and no edge leads to a node that isn't there.
func TestGraphIsClosedAndPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := genEvent().Draw(t, "event")
		nodes, edges := Graph(ev)
		again, edgesAgain := Graph(ev)
		require.Empty(t, cmp.Diff(nodes, again))
		require.Empty(t, cmp.Diff(edges, edgesAgain))
		known := map[string]bool{}
		described := 0
		for _, n := range nodes {
			known[n.Kind+n.ID] = true
			if !n.Stub {
				described++
			}
			for k, v := range n.Props {
				require.NotEmpty(t, v, "property %s of %s", k, n.Kind)
			}
		}
		for _, e := range edges {
			require.True(t, known[e.SrcKind+e.SrcID], "source of %s", e.Rel)
			require.True(t, known[e.DstKind+e.DstID], "destination of %s", e.Rel)
		}
		if task, ok := ev.(*Task); ok && task.Kind == KindStep {
			require.Empty(t, nodes)
			return
		}
		if run, ok := ev.(*Run); ok && run.Stub {
			require.Zero(t, described)
			return
		}
		require.Positive(t, described, "an event describes something")
	})
}

func TestGraphValues(t *testing.T) {
	nodes, edges := Graph(&Run{RunKey: key("7", 1), State: State{
		Pipeline: "CI", Name: "fix", Branch: "main", CommitSHA: "abc", Status: StatusSuccess, URL: "https://x", CreatedAt: at(1), StartedAt: at(2),
		UpdatedAt: at(9), FinishedAt: at(8), Version: VersionOf(30, at(9)),
	}})
	require.Equal(t, Node{
		Kind: NodeRun, ID: key("7", 1).ID(), Name: "CI", FirstSeen: at(1), LastSeen: at(9), Version: VersionOf(30, at(9)),
		Props: map[string]string{
			"provider": "github", "host": "github.com", "repo": "acme/shop", "run_id": "7", "attempt": "1", "status": "success", "branch": "main",
			"commit_sha": "abc", "url": "https://x", "title": "fix",
		},
	}, nodes[0])
	require.Equal(t, []Edge{{
		SrcKind: NodeRun, SrcID: key("7", 1).ID(), Rel: RelOfCommit, DstKind: NodeCommit, DstID: "github:github.com:acme/shop:abc",
		Basis: envelope.BasisRevision, FirstSeen: at(1), LastSeen: at(9), Version: VersionOf(30, at(9)),
	}}, edges)

	nodes, _ = Graph(&Commit{
		Provider: "github", Host: "github.com", Repo: "acme/shop", SHA: "abc", Message: "fix", Author: "Mona", ChangedFiles: 3, CommittedAt: at(4), Version: 5,
	})
	require.Equal(t, []Node{{
		Kind: NodeCommit, ID: "github:github.com:acme/shop:abc", Name: "fix", FirstSeen: at(4), LastSeen: at(4), Version: 5,
		Props: map[string]string{"repo": "acme/shop", "sha": "abc", "author": "Mona", "changed_files": "3"},
	}}, nodes)

	nodes, _ = Graph(&Run{RunKey: key("7", 1), State: State{UpdatedAt: at(3)}})
	require.Equal(t, at(3), nodes[0].FirstSeen, "a run of which only the last report is known was seen then")
}

func TestGraphOfStagesAndRollbacks(t *testing.T) {
	nodes, edges := Graph(&Task{RunKey: key("7", 1), ID: "build", Kind: KindStage, State: State{Name: "build"}})
	gotNodes, gotEdges := names(nodes, edges)
	stage := StageID(key("7", 1).ID(), "build")
	require.Equal(t, map[string]bool{"BuildRun " + key("7", 1).ID(): true, "Stage " + stage: false}, gotNodes)
	require.Equal(t, []edgeName{{"BuildRun " + key("7", 1).ID(), RelHasStage, "Stage " + stage}}, gotEdges)

	nodes, _ = Graph(&Task{RunKey: key("7", 1), ID: "77", ParentID: "build", Kind: KindJob})
	gotNodes, _ = names(nodes, nil)
	require.True(t, gotNodes["Stage "+stage], "a job of a stage that wasn't told yet stands under its stub")

	nodes, edges = Graph(&Task{RunKey: key("7", 1), ID: "s", Kind: KindTestSuite, State: State{Name: "unit"}})
	gotNodes, gotEdges = names(nodes, edges)
	require.Contains(t, gotNodes, "TestSuite "+SuiteID(key("7", 1), "unit"))
	require.Equal(t, RelRanSuite, gotEdges[0].rel)

	nodes, _ = Graph(&Task{RunKey: key("7", 1), ID: "t", Kind: KindTestCase, Flaky: true, State: State{Name: "adds"}})
	require.Equal(t, key("7", 1).ID(), nodes[2].Props["last_flaky_run"])

	_, edges = Graph(&Deployment{Provider: "p", Host: "h", Repo: "r", DeploymentID: "2", RollbackOf: "p:h:r:1"})
	_, gotEdges = names(nil, edges)
	require.Equal(t, []edgeName{{"Deployment p:h:r:2", RelRollbackOf, "Deployment p:h:r:1"}}, gotEdges)
}
