// Package build holds the events of CI systems: runs, tasks, artifacts, deployments and commits. Receivers make them
// from what a provider sends, carry them through pipelines as OTLP log records, and the column encoder turns them back
// into rows of metrics_build_v1, deploys_v1 and the build graph. An event carries the whole state that is known of its
// entity, so that the row with the highest version is complete.
package build

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/envelope"
)

// Event is one of *Run, *Task, *Artifact, *Deployment, *Commit, *Materials, *Change,
// *Release.
type Event interface{ isEvent() }

// RunKey names one attempt of one run at its provider.
type RunKey struct {
	// Provider is the kind of CI system, for example "github".
	Provider string
	// Host is the provider's host name, for example "github.com".
	Host string
	// Repo is the full name of the repository or project, for example "acme/shop".
	Repo string
	// RunID is the provider's id of the run, equal for all attempts.
	RunID string
	// Attempt counts from 1.
	Attempt uint16
}

// ID gives "provider:host:repo:run:attempt", the name of the run everywhere in Summit.
func (k RunKey) ID() string { return RunID(k.Provider, k.Host, k.Repo, k.RunID, k.Attempt) }

// RunID gives "provider:host:repo:run:attempt".
func RunID(provider, host, repo, run string, attempt uint16) string {
	return strings.Join([]string{provider, host, repo, run, strconv.Itoa(int(attempt))}, ":")
}

// ParseRunID takes apart what RunID made. The host may hold a port, so the parts are counted from both ends.
func ParseRunID(id string) (RunKey, bool) {
	provider, rest, ok := strings.Cut(id, ":")
	parts := strings.Split(rest, ":")
	if n := len(parts); ok && provider != "" && n >= 4 {
		attempt, err := strconv.ParseUint(parts[n-1], 10, 16)
		key := RunKey{
			Provider: provider, Host: strings.Join(parts[:n-3], ":"), Repo: parts[n-3], RunID: parts[n-2], Attempt: uint16(attempt),
		}
		return key, err == nil && key.Repo != "" && key.RunID != ""
	}
	return RunKey{}, false
}

// Known keys of Attrs.
const (
	// KeyConclusion is the provider's own word for the result, for example "startup_failure".
	KeyConclusion = "conclusion"
	// KeyRepoID is the provider's number of the repository; the trace id is made of it.
	KeyRepoID = "repository_id"
	// KeySucceededAt is when a deployment reported success; it outlives the statuses inactive and rolled_back.
	KeySucceededAt = "succeeded_at"
	// KeyWaitingSince and KeyApprovedAt bound the wait for an approval.
	KeyWaitingSince = "waiting_since"
	KeyApprovedAt   = "approved_at"
	// KeyQueuedAt is when a task was given to the queue, at providers that make their tasks long before.
	KeyQueuedAt = "queued_at"
	// KeyFirstFinishedAt is when a run ended first, at providers that take up ended runs again.
	KeyFirstFinishedAt = "first_finished_at"
	// KeyLastFinishedAt is when such a run ended last, as far as it is known.
	KeyLastFinishedAt = "last_finished_at"
	// KeyTriggeredBy is the id of the run that triggered this one.
	KeyTriggeredBy = "triggered_by"
	// KeyRetryOf is the id of the task of the same run that this one repeats.
	KeyRetryOf = "retry_of"
	// KeySuite is the test suite of a test case.
	KeySuite = "suite"
	// KeyRunNumber is the number that people see, counted per pipeline.
	KeyRunNumber = "run_number"
	// KeyFlow names the provider's workflow when a task knows it but its run hasn't been seen.
	KeyFlow = "workflow"
)

// State is what runs and tasks have in common. Zero times and empty strings mean unknown.
type State struct {
	Pipeline  string
	Name      string
	Branch    string
	CommitSHA string
	Trigger   string
	// ActorHash is a pseudonym of who started it, see HashActor.
	ActorHash string
	PRNumber  uint32

	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	UpdatedAt  time.Time
	Queued     time.Duration
	Approval   time.Duration
	Duration   time.Duration

	Status  Status
	Message string
	URL     string
	CostUSD float64

	TraceID [16]byte
	SpanID  [8]byte
	// Stub marks an entity that is known only from another that points to it.
	Stub bool
	// Attrs holds what has no column, by the keys Key… and names of the sender.
	Attrs   map[string]string
	Version uint64
}

// Run is one attempt of a pipeline run.
type Run struct {
	RunKey
	State
}

// TaskKind is the kind of a task; its names are the values of metrics_build_v1.entity, with job and step under "task".
type TaskKind string

// The kinds of task.
const (
	KindStage     TaskKind = "stage"
	KindJob       TaskKind = "job"
	KindStep      TaskKind = "step"
	KindTestSuite TaskKind = "test_suite"
	KindTestCase  TaskKind = "test_case"
)

// TaskKinds are all kinds, for messages.
var TaskKinds = []TaskKind{KindStage, KindJob, KindStep, KindTestSuite, KindTestCase}

// Entity is the value of metrics_build_v1.entity.
func (k TaskKind) Entity() string {
	switch k {
	case KindStage, KindTestSuite, KindTestCase:
		return string(k)
	default:
		return "task"
	}
}

// Task is a part of a run: a job, one of its steps, a stage, a test suite or a test case.
type Task struct {
	RunKey
	// ID is unique in the run.
	ID string
	// ParentID is the ID of the task that holds this one; empty: the run itself.
	ParentID string
	Kind     TaskKind
	State

	Flaky   bool
	Retries uint16
	// ErrorFP is the fingerprint of the failure, zero when there is none.
	ErrorFP      [16]byte
	Runner       string
	RunnerClass  string
	CPUSeconds   float64
	MemPeakBytes uint64
	CacheHit     CacheHit
	// StepNumber is a step's place in its job, counted by the provider.
	StepNumber uint32
}

// GlobalID names the task across runs.
func (t *Task) GlobalID() string { return t.RunKey.ID() + ":" + t.ID }

// Artifact says that content with a digest was built by a run from a commit.
type Artifact struct {
	RunKey
	// Digest is "sha256:…" or another algorithm's name and hex.
	Digest string
	// TaskID is the task that made it, when known.
	TaskID string
	// Name is the image or file name.
	Name string
	// Version is what the builder calls this version, for example a tag or service.version.
	ArtifactVersion string
	// Service is the service.name that runs it, when known.
	Service   string
	CommitSHA string
	Branch    string
	CreatedAt time.Time
	UpdatedAt time.Time
	URL       string
	TraceID   [16]byte
	Attrs     map[string]string
	Version   uint64
}

// Deployment says that something was put into an environment. A deployment of several services is several events.
type Deployment struct {
	Provider     string
	Host         string
	Repo         string
	DeploymentID string
	// Service is empty when the provider doesn't tell.
	Service        string
	Environment    string
	ServiceVersion string
	CommitSHA      string
	PreviousCommit string
	// BuildRunID is a RunKey.ID, empty when unknown.
	BuildRunID string
	Digests    []string
	// Basis is the evidence for BuildRunID and CommitSHA.
	Basis      envelope.Basis
	Status     DeployStatus
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	UpdatedAt  time.Time
	ApprovedBy string
	Creator    string
	URL        string
	RollbackOf string
	Attrs      map[string]string
	Version    uint64
}

// ID gives "provider:host:repo:deployment id", the name of the deployment everywhere in Summit.
func (d *Deployment) ID() string {
	return strings.Join([]string{d.Provider, d.Host, d.Repo, d.DeploymentID}, ":")
}

// Commit is one commit of a repository. It becomes a node of the build graph only.
type Commit struct {
	Provider string
	Host     string
	Repo     string
	SHA      string
	// Message is the first line.
	Message string
	// Author is a name; e-mail addresses are not kept.
	Author       string
	Branch       string
	URL          string
	ChangedFiles uint32
	CommittedAt  time.Time
	Attrs        map[string]string
	Version      uint64
}

// ID gives "provider:host:repo:sha", the id of the commit's node.
func (c *Commit) ID() string { return CommitID(c.Provider, c.Host, c.Repo, c.SHA) }

// CommitID gives "provider:host:repo:sha".
func CommitID(provider, host, repo, sha string) string {
	return strings.Join([]string{provider, host, repo, sha}, ":")
}

// Materials says what an artifact is made of, from a bill of materials. It becomes edges of the build graph only.
type Materials struct {
	Provider string
	Host     string
	Repo     string
	// Digest is the artifact's, Name what the bill calls it.
	Digest string
	Name   string
	// DependsOn are ids of artifacts: a digest where one is known, else a package URL or "name@version".
	DependsOn   []string
	DescribedAt time.Time
	Version     uint64
}

func (*Run) isEvent()        {}
func (*Task) isEvent()       {}
func (*Artifact) isEvent()   {}
func (*Deployment) isEvent() {}
func (*Commit) isEvent()     {}
func (*Materials) isEvent()  {}
