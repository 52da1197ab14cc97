package build

import (
	"fmt"
	"maps"
	"strconv"
)

// Row is a row of metrics_build_v1 without tenant, retention and time of ingestion. Runs, tasks and artifacts have one;
// deployments have their own table, whose columns are the fields of Deployment; commits are nodes of the graph only.
type Row struct {
	// Entity is one of run, stage, task, test_suite, test_case, artifact.
	Entity   string
	EntityID string
	ParentID string
	RunKey
	State
	Flaky        bool
	Retries      uint16
	ErrorFP      [16]byte
	Runner       string
	RunnerClass  string
	CPUSeconds   float64
	MemPeakBytes uint64
	CacheHit     CacheHit
	// Digest is an artifact's.
	Digest string
}

// Keys of a row's attrs for fields that have no column.
const (
	keyKind            = "task_kind"
	keyStepNumber      = "step_number"
	keyArtifactVersion = "artifact_version"
	keyService         = "service"
)

// ReservedAttr tells the keys of attrs that senders can't use, since a row keeps fields without a column there.
func ReservedAttr(key string) bool {
	return key == keyKind || key == keyStepNumber || key == keyArtifactVersion || key == keyService
}

// RowOf gives the row of an event; ok is false for events without one.
func RowOf(ev Event) (Row, bool) {
	switch e := ev.(type) {
	case *Run:
		return Row{Entity: "run", EntityID: e.ID(), RunKey: e.RunKey, State: e.State}, true
	case *Task:
		r := Row{
			Entity: e.Kind.Entity(), EntityID: e.ID, ParentID: e.ParentID, RunKey: e.RunKey, State: e.State, Flaky: e.Flaky, Retries: e.Retries,
			ErrorFP: e.ErrorFP, Runner: e.Runner, RunnerClass: e.RunnerClass, CPUSeconds: e.CPUSeconds, MemPeakBytes: e.MemPeakBytes, CacheHit: e.CacheHit,
		}
		if e.Kind == KindStep {
			r.Attrs = with(e.Attrs, keyKind, string(e.Kind), keyStepNumber, strconv.FormatUint(uint64(e.StepNumber), 10))
		}
		return r, true
	case *Artifact:
		return Row{
			Entity: "artifact", EntityID: e.Digest, ParentID: e.TaskID, RunKey: e.RunKey, Digest: e.Digest,
			State: State{
				Name: e.Name, Branch: e.Branch, CommitSHA: e.CommitSHA, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, URL: e.URL,
				Status: StatusSuccess, TraceID: e.TraceID, Version: e.Version,
				Attrs: with(e.Attrs, keyArtifactVersion, e.ArtifactVersion, keyService, e.Service),
			},
		}, true
	default:
		return Row{}, false
	}
}

// Event gives the event back that RowOf made the row of.
func (r Row) Event() (Event, error) {
	switch r.Entity {
	case "run":
		return &Run{RunKey: r.RunKey, State: r.State}, nil
	case "artifact":
		a := &Artifact{
			RunKey: r.RunKey, Digest: r.Digest, TaskID: r.ParentID, Name: r.Name, CommitSHA: r.CommitSHA, Branch: r.Branch,
			CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, URL: r.URL, TraceID: r.TraceID, Version: r.Version,
			ArtifactVersion: r.Attrs[keyArtifactVersion], Service: r.Attrs[keyService],
		}
		a.Attrs = without(r.Attrs, keyArtifactVersion, keyService)
		return a, nil
	case "task", "stage", "test_suite", "test_case":
		t := &Task{
			RunKey: r.RunKey, ID: r.EntityID, ParentID: r.ParentID, Kind: TaskKind(r.Entity), State: r.State, Flaky: r.Flaky, Retries: r.Retries,
			ErrorFP: r.ErrorFP, Runner: r.Runner, RunnerClass: r.RunnerClass, CPUSeconds: r.CPUSeconds, MemPeakBytes: r.MemPeakBytes, CacheHit: r.CacheHit,
		}
		if r.Entity == "task" {
			t.Kind = KindJob
		}
		if kind := r.Attrs[keyKind]; kind != "" {
			n, err := strconv.ParseUint(r.Attrs[keyStepNumber], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("attribute %s of task %s: %w", keyStepNumber, r.EntityID, err)
			}
			t.Kind, t.StepNumber = TaskKind(kind), uint32(n)
			t.Attrs = without(r.Attrs, keyKind, keyStepNumber)
		}
		return t, nil
	default:
		return nil, fmt.Errorf("entity %q of metrics_build_v1 is no event", r.Entity)
	}
}

// with copies a map and adds pairs whose value isn't empty.
func with(m map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(pairs)/2)
		}
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func without(m map[string]string, keys ...string) map[string]string {
	out := maps.Clone(m)
	for _, k := range keys {
		delete(out, k)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
