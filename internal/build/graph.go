package build

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/envelope"
)

// Kinds of node in the build graph.
const (
	NodeCommit     = "Commit"
	NodeRun        = "BuildRun"
	NodeStage      = "Stage"
	NodeTask       = "Task"
	NodeTestSuite  = "TestSuite"
	NodeTestCase   = "TestCase"
	NodeArtifact   = "Artifact"
	NodeDeployment = "Deployment"
	NodeService    = "Service"
)

// Relations of the build graph, read from source to destination.
const (
	RelOfCommit   = "OF_COMMIT"
	RelHasStage   = "HAS_STAGE"
	RelHasTask    = "HAS_TASK"
	RelProduced   = "PRODUCED"
	RelBuiltFrom  = "BUILT_FROM"
	RelDependsOn  = "DEPENDS_ON"
	RelRetryOf    = "RETRY_OF"
	RelRanSuite   = "RAN"
	RelContains   = "CONTAINS"
	RelDeploys    = "DEPLOYS"
	RelDeployedTo = "DEPLOYED_TO"
	RelFromRun    = "FROM_RUN"
	RelRollbackOf = "ROLLBACK_OF"
	// RelTriggeredBy leads from a run to the run that triggered it.
	RelTriggeredBy = "TRIGGERED_BY"
)

// Node is a row of graph_nodes_v1 without tenant and retention.
type Node struct {
	Kind      string
	ID        string
	Name      string
	FirstSeen time.Time
	LastSeen  time.Time
	Props     map[string]string
	// Stub marks an end that an edge needs and that no event has described yet. A stub has version 0.
	Stub    bool
	Version uint64
}

// Edge is a row of graph_edges_v1 without tenant and retention.
type Edge struct {
	SrcKind   string
	SrcID     string
	Rel       string
	DstKind   string
	DstID     string
	Basis     envelope.Basis
	FirstSeen time.Time
	LastSeen  time.Time
	Props     map[string]string
	Version   uint64
}

// ServiceID is the id of a service's node: the same service in two environments is two nodes.
func ServiceID(service, environment string) string { return service + "@" + environment }

// StageID is the id of a run's stage node. A provider without stages has the one stage "jobs".
func StageID(runID, stage string) string { return runID + ":stage:" + stage }

// SuiteID and CaseID name tests across runs.
func SuiteID(k RunKey, suite string) string {
	return strings.Join([]string{k.Provider, k.Host, k.Repo, "suite", suite}, ":")
}

// CaseID is the id of a test case's node.
func CaseID(k RunKey, suite, name string) string { return SuiteID(k, suite) + ":case:" + name }

const defaultStage = "jobs"

// Graph gives the nodes and edges that an event stands for. It is a pure function: an event that comes twice gives the
// same rows. Ends that the event only names come as stubs, which any description of them replaces. Steps have no node:
// they are rows of metrics_build_v1 only.
func Graph(ev Event) ([]Node, []Edge) {
	var g rows
	switch e := ev.(type) {
	case *Run:
		g.run(e)
	case *Task:
		g.task(e)
	case *Artifact:
		g.artifact(e)
	case *Deployment:
		g.deployment(e)
	case *Commit:
		g.first, g.last, g.version = e.CommittedAt, e.CommittedAt, e.Version
		g.node(NodeCommit, e.ID(), e.Message, map[string]string{
			"repo": e.Repo, "sha": e.SHA, "author": e.Author, "branch": e.Branch, "url": e.URL,
			"changed_files": strconv.FormatUint(uint64(e.ChangedFiles), 10), KeyFiles: e.Attrs[KeyFiles],
		})
	case *Change:
		g.change(e)
	case *Release:
		g.release(e)
	case *Materials:
		g.materials(e)
	}
	return g.nodes, g.edges
}

// rows gathers nodes and edges of one event; first, last and version are the event's.
type rows struct {
	first, last time.Time
	version     uint64
	nodes       []Node
	edges       []Edge
}

func (g *rows) node(kind, id, name string, props map[string]string) {
	maps.DeleteFunc(props, func(_, v string) bool { return v == "" })
	g.nodes = append(g.nodes, Node{Kind: kind, ID: id, Name: name, FirstSeen: g.first, LastSeen: g.last, Props: props, Version: g.version})
}

func (g *rows) stub(kind, id, name string) {
	g.nodes = append(g.nodes, Node{Kind: kind, ID: id, Name: name, FirstSeen: g.first, LastSeen: g.last, Stub: true})
}

func (g *rows) edge(srcKind, src, rel, dstKind, dst string, basis envelope.Basis) {
	g.edges = append(g.edges, Edge{
		SrcKind: srcKind, SrcID: src, Rel: rel, DstKind: dstKind, DstID: dst, Basis: basis,
		FirstSeen: g.first, LastSeen: g.last, Version: g.version,
	})
}

func (g *rows) commit(srcKind, src, rel string, k RunKey, sha string) {
	if sha == "" {
		return
	}
	id := CommitID(k.Provider, k.Host, k.Repo, sha)
	g.stub(NodeCommit, id, sha)
	g.edge(srcKind, src, rel, NodeCommit, id, envelope.BasisRevision)
}

func (g *rows) state(s *State) {
	g.first, g.last, g.version = earliest(s.CreatedAt, s.StartedAt), latest(s.UpdatedAt, s.FinishedAt), s.Version
	if g.first.IsZero() {
		g.first = g.last
	}
}

func (g *rows) run(r *Run) {
	g.state(&r.State)
	id := r.ID()
	if r.Stub {
		g.stub(NodeRun, id, r.Pipeline)
	} else {
		g.node(NodeRun, id, r.Pipeline, map[string]string{
			"provider": r.Provider, "host": r.Host, "repo": r.Repo, "run_id": r.RunID, "attempt": strconv.Itoa(int(r.Attempt)),
			"status": r.Status.String(), "branch": r.Branch, "commit_sha": r.CommitSHA, "url": r.URL, "title": r.Name,
		})
	}
	g.commit(NodeRun, id, RelOfCommit, r.RunKey, r.CommitSHA)
	if by := r.Attrs[KeyTriggeredBy]; by != "" {
		g.stub(NodeRun, by, "")
		g.edge(NodeRun, id, RelTriggeredBy, NodeRun, by, envelope.BasisNone)
	}
	if r.Attempt > 1 {
		prev := RunID(r.Provider, r.Host, r.Repo, r.RunID, r.Attempt-1)
		g.stub(NodeRun, prev, r.Pipeline)
		g.edge(NodeRun, id, RelRetryOf, NodeRun, prev, envelope.BasisNone)
	}
}

func (g *rows) task(t *Task) {
	g.state(&t.State)
	run := t.RunKey.ID()
	props := map[string]string{"status": t.Status.String(), "runner": t.Runner, "url": t.URL, "run_id": run}
	switch t.Kind {
	case KindStage:
		g.stub(NodeRun, run, t.Pipeline)
		g.node(NodeStage, StageID(run, t.ID), t.Name, props)
		g.edge(NodeRun, run, RelHasStage, NodeStage, StageID(run, t.ID), envelope.BasisNone)
	case KindJob:
		stage := t.ParentID
		if stage == "" {
			stage = defaultStage
		}
		g.stub(NodeRun, run, t.Pipeline)
		g.stub(NodeStage, StageID(run, stage), stage)
		g.node(NodeTask, t.GlobalID(), t.Name, props)
		g.edge(NodeRun, run, RelHasStage, NodeStage, StageID(run, stage), envelope.BasisNone)
		g.edge(NodeStage, StageID(run, stage), RelHasTask, NodeTask, t.GlobalID(), envelope.BasisNone)
		if old := t.Attrs[KeyRetryOf]; old != "" {
			g.stub(NodeTask, run+":"+old, t.Name)
			g.edge(NodeTask, t.GlobalID(), RelRetryOf, NodeTask, run+":"+old, envelope.BasisNone)
		}
	case KindTestSuite:
		id := SuiteID(t.RunKey, t.Name)
		g.stub(NodeRun, run, t.Pipeline)
		g.node(NodeTestSuite, id, t.Name, map[string]string{"repo": t.Repo})
		g.edge(NodeRun, run, RelRanSuite, NodeTestSuite, id, envelope.BasisNone)
	case KindTestCase:
		g.testCase(t, run)
	}
}

func (g *rows) testCase(t *Task, run string) {
	suite := t.Attrs[KeySuite]
	id := CaseID(t.RunKey, suite, t.Name)
	props := map[string]string{"repo": t.Repo, "suite": suite, "last_status": t.Status.String(), "last_run": run}
	if t.Flaky {
		props["last_flaky_run"] = run
	}
	g.stub(NodeRun, run, t.Pipeline)
	g.stub(NodeTestSuite, SuiteID(t.RunKey, suite), suite)
	g.node(NodeTestCase, id, t.Name, props)
	g.edge(NodeRun, run, RelRanSuite, NodeTestSuite, SuiteID(t.RunKey, suite), envelope.BasisNone)
	g.edge(NodeTestSuite, SuiteID(t.RunKey, suite), RelContains, NodeTestCase, id, envelope.BasisNone)
}

func (g *rows) artifact(a *Artifact) {
	g.first, g.last, g.version = a.CreatedAt, a.UpdatedAt, a.Version
	g.node(NodeArtifact, a.Digest, a.Name, map[string]string{
		"version": a.ArtifactVersion, "service": a.Service, "repo": a.Repo, "commit_sha": a.CommitSHA, "url": a.URL,
	})
	if a.RunID != "" {
		g.stub(NodeRun, a.RunKey.ID(), "")
		g.edge(NodeRun, a.RunKey.ID(), RelProduced, NodeArtifact, a.Digest, envelope.BasisDigest)
		if a.TaskID != "" {
			task := a.RunKey.ID() + ":" + a.TaskID
			g.stub(NodeTask, task, "")
			g.edge(NodeTask, task, RelProduced, NodeArtifact, a.Digest, envelope.BasisDigest)
		}
	}
	g.commit(NodeArtifact, a.Digest, RelBuiltFrom, a.RunKey, a.CommitSHA)
}

func (g *rows) materials(m *Materials) {
	g.first, g.last, g.version = m.DescribedAt, m.DescribedAt, m.Version
	g.stub(NodeArtifact, m.Digest, m.Name)
	for _, id := range m.DependsOn {
		g.stub(NodeArtifact, id, id)
		g.edge(NodeArtifact, m.Digest, RelDependsOn, NodeArtifact, id, envelope.BasisNone)
	}
}

func (g *rows) deployment(d *Deployment) {
	g.first, g.last, g.version = earliest(d.CreatedAt, d.StartedAt), latest(d.UpdatedAt, d.FinishedAt), d.Version
	id := d.ID()
	g.node(NodeDeployment, id, d.Environment, map[string]string{
		"status": d.Status.String(), "environment": d.Environment, "repo": d.Repo, "commit_sha": d.CommitSHA, "url": d.URL,
	})
	if d.Service != "" {
		svc := ServiceID(d.Service, d.Environment)
		g.node(NodeService, svc, d.Service, map[string]string{"environment": d.Environment})
		g.edge(NodeDeployment, id, RelDeployedTo, NodeService, svc, envelope.BasisNone)
	}
	for _, digest := range d.Digests {
		g.stub(NodeArtifact, digest, "")
		g.edge(NodeDeployment, id, RelDeploys, NodeArtifact, digest, envelope.BasisDigest)
	}
	if d.BuildRunID != "" {
		g.stub(NodeRun, d.BuildRunID, "")
		g.edge(NodeDeployment, id, RelFromRun, NodeRun, d.BuildRunID, d.Basis)
	}
	if d.RollbackOf != "" {
		g.stub(NodeDeployment, d.RollbackOf, "")
		g.edge(NodeDeployment, id, RelRollbackOf, NodeDeployment, d.RollbackOf, envelope.BasisNone)
	}
	g.commit(NodeDeployment, id, RelOfCommit, RunKey{Provider: d.Provider, Host: d.Host, Repo: d.Repo}, d.CommitSHA)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
