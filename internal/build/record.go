package build

import (
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/envelope"
)

// Event names of the log records that carry build events.
const (
	EventPrefix     = "summit.build."
	EventRun        = EventPrefix + "run"
	EventTask       = EventPrefix + "task"
	EventArtifact   = EventPrefix + "artifact"
	EventDeployment = EventPrefix + "deployment"
	EventCommit     = EventPrefix + "commit"
	EventChange     = EventPrefix + "change"
	EventRelease    = EventPrefix + "release"
	EventMaterials  = EventPrefix + "materials"
)

// AppendTo writes the event into an empty log record; FromLogRecord reads the same event back. Observed time, severity
// and body are for people and exporters, they carry nothing of the event.
func AppendTo(ev Event, lr plog.LogRecord) {
	w := writer{attrs: lr.Attributes()}
	w.attrs.EnsureCapacity(24)
	switch e := ev.(type) {
	case *Run:
		head(lr, EventRun, e.UpdatedAt, "run "+e.ID()+" "+e.Status.String(), e.TraceID, e.SpanID)
		w.runKey(&e.RunKey)
		w.state(&e.State, runNames)
	case *Task:
		head(lr, EventTask, e.UpdatedAt, string(e.Kind)+" "+e.Name+" "+e.Status.String(), e.TraceID, e.SpanID)
		taskFields(&w, e)
	case *Artifact:
		head(lr, EventArtifact, e.UpdatedAt, "artifact "+e.Name+" "+e.Digest, e.TraceID, [8]byte{})
		artifactFields(&w, e)
	case *Deployment:
		head(lr, EventDeployment, e.UpdatedAt, "deployment "+e.ID()+" "+e.Status.String(), [16]byte{}, [8]byte{})
		deploymentFields(&w, e)
	case *Commit:
		head(lr, EventCommit, e.CommittedAt, "commit "+e.SHA+" "+e.Message, [16]byte{}, [8]byte{})
		commitFields(&w, e)
	case *Materials:
		head(lr, EventMaterials, e.DescribedAt, "materials of "+e.Digest, [16]byte{}, [8]byte{})
		materialsFields(&w, e)
	case *Change:
		head(lr, EventChange, e.UpdatedAt, "change "+e.ID()+" "+string(e.State), [16]byte{}, [8]byte{})
		changeFields(&w, e)
	case *Release:
		head(lr, EventRelease, e.UpdatedAt, "release "+e.ID(), [16]byte{}, [8]byte{})
		releaseFields(&w, e)
	}
}

// FromLogRecord reads an event. ok is false when the record is no build event; err names the attribute that is wrong.
func FromLogRecord(lr plog.LogRecord) (ev Event, ok bool, err error) {
	name := lr.EventName()
	if !strings.HasPrefix(name, EventPrefix) {
		return nil, false, nil
	}
	r := reader{attrs: lr.Attributes()}
	switch name {
	case EventRun:
		e := &Run{}
		r.runKey(&e.RunKey)
		r.state(&e.State, runNames)
		e.TraceID, e.SpanID = lr.TraceID(), lr.SpanID()
		ev = e
	case EventTask:
		e := &Task{}
		taskFields(&r, e)
		e.TraceID, e.SpanID = lr.TraceID(), lr.SpanID()
		ev = e
	case EventArtifact:
		e := &Artifact{}
		artifactFields(&r, e)
		e.TraceID = lr.TraceID()
		ev = e
	case EventDeployment:
		e := &Deployment{}
		deploymentFields(&r, e)
		ev = e
	case EventCommit:
		e := &Commit{}
		commitFields(&r, e)
		ev = e
	case EventMaterials:
		e := &Materials{}
		materialsFields(&r, e)
		ev = e
	case EventChange:
		e := &Change{}
		changeFields(&r, e)
		ev = e
	case EventRelease:
		e := &Release{}
		releaseFields(&r, e)
		ev = e
	default:
		return nil, true, fmt.Errorf("event name %q is no build event; want %srun, task, artifact, deployment, commit, materials, change or release", name, EventPrefix)
	}
	if r.err != nil {
		return nil, true, fmt.Errorf("read %s: %w", name, r.err)
	}
	return ev, true, nil
}

func head(lr plog.LogRecord, name string, at time.Time, body string, trace [16]byte, span [8]byte) {
	lr.SetEventName(name)
	if !at.IsZero() {
		lr.SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	lr.SetSeverityNumber(plog.SeverityNumberInfo)
	lr.SetSeverityText("INFO")
	lr.Body().SetStr(body)
	lr.SetTraceID(trace)
	lr.SetSpanID(span)
}

// codec is either side of the mapping; the functions below list each field once for both.
type codec interface {
	str(key string, p *string)
	u64(key string, p *uint64)
	f64(key string, p *float64)
	flag(key string, p *bool)
	at(key string, p *time.Time)
	strs(key string, p *[]string)
	bytes(key string, p []byte)
	more(p *map[string]string)
	runKey(k *RunKey)
	state(s *State, n stateNames)
}

// stateNames are the attribute names that differ between runs and kinds of task.
type stateNames struct{ name, url string }

var (
	runNames  = stateNames{name: envelope.AttrBuildName, url: "cicd.pipeline.run.url.full"}
	taskNames = stateNames{name: "cicd.pipeline.task.name", url: "cicd.pipeline.task.run.url.full"}
	testNames = stateNames{name: "test.case.name", url: "cicd.pipeline.task.run.url.full"}
)

func runKeyFields(c codec, k *RunKey) {
	c.str(envelope.AttrBuildProvider, &k.Provider)
	c.str(envelope.AttrBuildHost, &k.Host)
	c.str(envelope.AttrBuildRepo, &k.Repo)
	c.str("cicd.pipeline.run.id", &k.RunID)
	number(c, envelope.AttrBuildAttempt, &k.Attempt)
}

func stateFields(c codec, s *State, n stateNames) {
	c.str("cicd.pipeline.name", &s.Pipeline)
	c.str(n.name, &s.Name)
	c.str("vcs.ref.head.name", &s.Branch)
	c.str("vcs.ref.head.revision", &s.CommitSHA)
	c.str(envelope.AttrBuildTrigger, &s.Trigger)
	c.str(envelope.AttrBuildActor, &s.ActorHash)
	number(c, "vcs.change.id", &s.PRNumber)
	c.at(envelope.AttrBuildCreatedAt, &s.CreatedAt)
	c.at(envelope.AttrBuildStartedAt, &s.StartedAt)
	c.at(envelope.AttrBuildFinishedAt, &s.FinishedAt)
	c.at(envelope.AttrBuildUpdatedAt, &s.UpdatedAt)
	span(c, envelope.AttrBuildQueuedNS, &s.Queued)
	span(c, envelope.AttrBuildApprovalNS, &s.Approval)
	span(c, envelope.AttrBuildDurationNS, &s.Duration)
	named(c, envelope.AttrBuildStatus, &s.Status, statusNames)
	c.str(envelope.AttrBuildMessage, &s.Message)
	c.str(n.url, &s.URL)
	c.f64(envelope.AttrBuildCostUSD, &s.CostUSD)
	c.flag(envelope.AttrBuildStub, &s.Stub)
	c.u64(envelope.AttrBuildVersion, &s.Version)
	c.more(&s.Attrs)
}

func taskFields(c codec, t *Task) {
	c.runKey(&t.RunKey)
	kind := string(t.Kind)
	c.str(envelope.AttrBuildKind, &kind)
	t.Kind = TaskKind(kind)
	names := taskNames
	if t.Kind == KindTestCase {
		names = testNames
	}
	c.str("cicd.pipeline.task.run.id", &t.ID)
	c.str(envelope.AttrBuildParentID, &t.ParentID)
	c.state(&t.State, names)
	c.flag(envelope.AttrBuildFlaky, &t.Flaky)
	number(c, envelope.AttrBuildRetries, &t.Retries)
	c.bytes(envelope.AttrBuildErrorFP, t.ErrorFP[:])
	c.str("cicd.worker.name", &t.Runner)
	c.str(envelope.AttrBuildRunnerClass, &t.RunnerClass)
	c.f64(envelope.AttrBuildCPUSeconds, &t.CPUSeconds)
	c.u64(envelope.AttrBuildMemPeak, &t.MemPeakBytes)
	named(c, envelope.AttrBuildCacheHit, &t.CacheHit, cacheNames)
	number(c, envelope.AttrBuildStepNumber, &t.StepNumber)
}

func artifactFields(c codec, a *Artifact) {
	c.runKey(&a.RunKey)
	c.str("artifact.hash", &a.Digest)
	c.str("cicd.pipeline.task.run.id", &a.TaskID)
	c.str("artifact.filename", &a.Name)
	c.str("artifact.version", &a.ArtifactVersion)
	c.str("service.name", &a.Service)
	c.str("vcs.ref.head.revision", &a.CommitSHA)
	c.str("vcs.ref.head.name", &a.Branch)
	c.at(envelope.AttrBuildCreatedAt, &a.CreatedAt)
	c.at(envelope.AttrBuildUpdatedAt, &a.UpdatedAt)
	c.str(envelope.AttrBuildURL, &a.URL)
	c.u64(envelope.AttrBuildVersion, &a.Version)
	c.more(&a.Attrs)
}

func materialsFields(c codec, m *Materials) {
	c.str(envelope.AttrBuildProvider, &m.Provider)
	c.str(envelope.AttrBuildHost, &m.Host)
	c.str(envelope.AttrBuildRepo, &m.Repo)
	c.str("artifact.hash", &m.Digest)
	c.str("artifact.filename", &m.Name)
	c.strs(envelope.AttrBuildDependsOn, &m.DependsOn)
	c.at(envelope.AttrBuildUpdatedAt, &m.DescribedAt)
	c.u64(envelope.AttrBuildVersion, &m.Version)
}

func deploymentFields(c codec, d *Deployment) {
	c.str(envelope.AttrBuildProvider, &d.Provider)
	c.str(envelope.AttrBuildHost, &d.Host)
	c.str(envelope.AttrBuildRepo, &d.Repo)
	c.str("deployment.id", &d.DeploymentID)
	c.str("service.name", &d.Service)
	c.str("deployment.environment.name", &d.Environment)
	c.str("service.version", &d.ServiceVersion)
	c.str("vcs.ref.head.revision", &d.CommitSHA)
	c.str(envelope.AttrBuildPreviousRevision, &d.PreviousCommit)
	c.str(envelope.AttrBuildRunRef, &d.BuildRunID)
	c.strs(envelope.AttrBuildDigests, &d.Digests)
	named(c, envelope.AttrBuildBasis, &d.Basis, basisNames)
	named(c, envelope.AttrBuildStatus, &d.Status, deployNames)
	c.at(envelope.AttrBuildCreatedAt, &d.CreatedAt)
	c.at(envelope.AttrBuildStartedAt, &d.StartedAt)
	c.at(envelope.AttrBuildFinishedAt, &d.FinishedAt)
	c.at(envelope.AttrBuildUpdatedAt, &d.UpdatedAt)
	c.str(envelope.AttrBuildApprovedBy, &d.ApprovedBy)
	c.str(envelope.AttrBuildCreator, &d.Creator)
	c.str(envelope.AttrBuildURL, &d.URL)
	c.str(envelope.AttrBuildRollbackOf, &d.RollbackOf)
	c.u64(envelope.AttrBuildVersion, &d.Version)
	c.more(&d.Attrs)
}

func commitFields(c codec, m *Commit) {
	c.str(envelope.AttrBuildProvider, &m.Provider)
	c.str(envelope.AttrBuildHost, &m.Host)
	c.str(envelope.AttrBuildRepo, &m.Repo)
	c.str("vcs.ref.head.revision", &m.SHA)
	c.str(envelope.AttrBuildMessage, &m.Message)
	c.str(envelope.AttrBuildCreator, &m.Author)
	c.str("vcs.ref.head.name", &m.Branch)
	c.str(envelope.AttrBuildURL, &m.URL)
	number(c, envelope.AttrBuildChangedFiles, &m.ChangedFiles)
	c.at(envelope.AttrBuildCreatedAt, &m.CommittedAt)
	c.u64(envelope.AttrBuildVersion, &m.Version)
	c.more(&m.Attrs)
}

var basisNames = []string{
	envelope.BasisNone.String(), envelope.BasisDigest.String(), envelope.BasisRevision.String(),
	envelope.BasisVersion.String(), envelope.BasisTime.String(),
}

// number maps a narrow unsigned number.
func number[T uint16 | uint32](c codec, key string, p *T) {
	v := uint64(*p)
	c.u64(key, &v)
	if uint64(T(v)) != v {
		if r, ok := c.(*reader); ok {
			r.fail(key, fmt.Sprintf("%d is out of range", v))
			return
		}
	}
	*p = T(v)
}

// span maps a duration as nanoseconds.
func span(c codec, key string, p *time.Duration) {
	v := uint64(max(*p, 0))
	c.u64(key, &v)
	if v > math.MaxInt64 {
		v = math.MaxInt64
	}
	*p = time.Duration(v)
}

// named maps an enumeration by its name.
func named[T ~uint8](c codec, key string, p *T, names []string) {
	v := ""
	if *p != 0 {
		v = nameOf(names, int(*p))
	}
	c.str(key, &v)
	i, err := indexOf(names, v)
	if err != nil {
		if r, ok := c.(*reader); ok {
			r.fail(key, err.Error())
		}
		return
	}
	*p = T(i)
}
