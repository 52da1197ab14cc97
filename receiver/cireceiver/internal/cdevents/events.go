package cdevents

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

type reference struct {
	ID     string `json:"id"`
	Source string `json:"source"`
}

// event holds what we read of the events of all versions, and nothing else.
type event struct {
	Context struct {
		ID        string    `json:"id"`
		ChainID   string    `json:"chainId"`
		Source    string    `json:"source"`
		Type      string    `json:"type"`
		Timestamp wire.Time `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Source  string `json:"source"`
		Content struct {
			PipelineName string     `json:"pipelineName"`
			TaskName     string     `json:"taskName"`
			URL          string     `json:"url"`
			Outcome      string     `json:"outcome"`
			Errors       string     `json:"errors"`
			PipelineRun  *reference `json:"pipelineRun"`
			ArtifactID   string     `json:"artifactId"`
			Change       *reference `json:"change"`
			Environment  *reference `json:"environment"`
			Repository   *reference `json:"repository"`
			Description  string     `json:"description"`
		} `json:"content"`
	} `json:"subject"`
	// CustomData is read only if it is an object with our key.
	CustomData custom `json:"customData"`
}

// custom is what CDEvents have no place for: which code a run built.
type custom struct {
	Repo      string `json:"repo"`
	CommitSHA string `json:"commit_sha"`
	Branch    string `json:"branch"`
	Attempt   uint16 `json:"attempt"`
}

// UnmarshalJSON reads the key summit of an object. Anything else is another sender's and none of ours.
func (c *custom) UnmarshalJSON(b []byte) error {
	var outer struct {
		Summit struct {
			Repo      string `json:"repo"`
			CommitSHA string `json:"commit_sha"`
			Branch    string `json:"branch"`
			Attempt   uint16 `json:"attempt"`
		} `json:"summit"`
	}
	if len(b) == 0 || b[0] != '{' || wire.Decode(b, &outer, false) != nil {
		return nil
	}
	*c = custom(outer.Summit)
	return nil
}

// reader turns one event into build events; at is when it happened.
type reader struct {
	event *event
	at    time.Time
}

// place is host and repository or project of a source. A source that is a path alone is of no known host.
func (r *reader) place(source string) (host, repo string) {
	if source == "" {
		source = r.event.Context.Source
	}
	host = "local"
	u, err := url.Parse(source)
	if err == nil && u.Host != "" {
		host, source = wire.Host(source, host), u.Path
	}
	repo = strings.Trim(source, "/")
	if r.event.CustomData.Repo != "" {
		repo = r.event.CustomData.Repo
	}
	return host, wire.Name(wire.Or(repo, "unknown"))
}

func (r *reader) key(id, source string) build.RunKey {
	host, repo := r.place(source)
	return build.RunKey{Provider: build.ProviderCDEvents, Host: host, Repo: repo, RunID: wire.Name(id), Attempt: max(r.event.CustomData.Attempt, 1)}
}

func statusOf(predicate, outcome string) (s build.Status, conclusion string) {
	switch predicate {
	case "queued":
		return build.StatusQueued, ""
	case "started":
		return build.StatusRunning, ""
	}
	switch outcome {
	case "", "success", "pass":
		return build.StatusSuccess, wire.Or(outcome, "success")
	case "failure", "fail":
		return build.StatusFailure, outcome
	case "error":
		return build.StatusFailure, "error"
	case "cancel", "cancelled", "canceled":
		return build.StatusCancelled, outcome
	case "skip", "skipped":
		return build.StatusSkipped, outcome
	case "timeout":
		return build.StatusTimeout, outcome
	default:
		return build.StatusUnknown, outcome
	}
}

// state is the part that runs and tasks share. An event says when its state began, nothing of the times before.
func (r *reader) state(predicate string) build.State {
	c := &r.event.Subject.Content
	s := build.State{
		Branch: r.event.CustomData.Branch, CommitSHA: wire.SHA(r.event.CustomData.CommitSHA), URL: c.URL, UpdatedAt: r.at,
		Attrs: wire.Attrs("chain_id", r.event.Context.ChainID),
	}
	conclusion := ""
	s.Status, conclusion = statusOf(predicate, c.Outcome)
	s.Attrs = wire.With(s.Attrs, build.KeyConclusion, conclusion)
	switch {
	case s.Status == build.StatusQueued:
		s.CreatedAt = r.at
	case s.Status == build.StatusRunning:
		s.StartedAt = r.at
	case s.Status.Finished():
		s.FinishedAt = r.at
	}
	if s.Status == build.StatusFailure || s.Status == build.StatusTimeout {
		s.Message = wire.Cut(c.Errors, wire.MaxMessage)
	}
	s.Version = build.VersionOf(s.Status.Rank(), r.at)
	return s
}

func (r *reader) pipeline(predicate string) build.Event {
	key := r.key(r.event.Subject.ID, r.event.Subject.Source)
	s := r.state(predicate)
	s.Pipeline, s.Name = r.event.Subject.Content.PipelineName, r.event.Subject.Content.Description
	trace := key.TraceKey("")
	s.TraceID, s.SpanID = trace.TraceID(), trace.RootSpanID()
	return &build.Run{RunKey: key, State: s}
}

// task belongs to the pipeline run that it names; one that names none is a run of its own.
func (r *reader) task(predicate string) []build.Event {
	c := &r.event.Subject.Content
	up := c.PipelineRun
	if up == nil || up.ID == "" {
		up = &reference{ID: "task-" + r.event.Subject.ID, Source: r.event.Subject.Source}
	}
	key := r.key(up.ID, wire.Or(up.Source, r.event.Subject.Source))
	trace := key.TraceKey("")
	id := strings.ReplaceAll(r.event.Subject.ID, "/", "_")
	s := r.state(predicate)
	s.Name, s.TraceID, s.SpanID = wire.Or(c.TaskName, id), trace.TraceID(), trace.TaskSpanID(id)
	stub := &build.Run{RunKey: key, State: build.State{
		Branch: s.Branch, CommitSHA: s.CommitSHA, UpdatedAt: r.at, Stub: true, TraceID: s.TraceID, SpanID: trace.RootSpanID(),
	}}
	return []build.Event{stub, &build.Task{RunKey: key, ID: id, Kind: build.KindJob, State: s}}
}

// build is a run that makes an artifact.
func (r *reader) build(predicate string) []build.Event {
	key := r.key("build-"+r.event.Subject.ID, r.event.Subject.Source)
	trace := key.TraceKey("")
	s := r.state(predicate)
	s.Pipeline, s.TraceID, s.SpanID = "build", trace.TraceID(), trace.RootSpanID()
	events := []build.Event{&build.Run{RunKey: key, State: s}}
	if id := r.event.Subject.Content.ArtifactID; id != "" {
		events = append(events, r.artifact(id, key)...)
	}
	return events
}

// digestOf reads a package URL whose version is a digest, as container images have it.
func digestOf(purl string) (name, digest string) {
	name, version, ok := strings.Cut(strings.TrimPrefix(purl, "pkg:"), "@")
	if !ok {
		return name, ""
	}
	version, _, _ = strings.Cut(version, "?")
	if plain, err := url.PathUnescape(version); err == nil {
		version = plain
	}
	digest = correlation.NormalizeDigest(version)
	if !correlation.IsDigest(digest) {
		return name, ""
	}
	return name, digest
}

// artifact is kept when its id holds a digest: nothing else leads to what runs.
func (r *reader) artifact(purl string, run build.RunKey) []build.Event {
	name, digest := digestOf(purl)
	if digest == "" {
		return nil
	}
	sha := wire.SHA(r.event.CustomData.CommitSHA)
	if c := r.event.Subject.Content.Change; c != nil {
		if sha == "" {
			sha = wire.SHA(c.ID)
		}
		if run.RunID == "" {
			run = r.key("", c.Source)
			run.RunID = ""
		}
	}
	if run.Repo == "" {
		run = r.key("", r.event.Subject.Source)
		run.RunID = ""
	}
	_, name, _ = strings.Cut(name, "/")
	return []build.Event{&build.Artifact{
		RunKey: run, Digest: digest, Name: name, CommitSHA: sha, Branch: r.event.CustomData.Branch, CreatedAt: r.at, UpdatedAt: r.at,
		Attrs: wire.Attrs("purl", purl, "chain_id", r.event.Context.ChainID), Version: build.VersionOf(30, r.at),
	}}
}

// service is a deployment: each event tells of one.
func (r *reader) service(predicate string) []build.Event {
	c := &r.event.Subject.Content
	host, repo := r.place(r.event.Subject.Source)
	d := &build.Deployment{
		Provider: build.ProviderCDEvents, Host: host, Repo: repo, DeploymentID: wire.Name(wire.Or(r.event.Context.ID, r.event.Subject.ID)),
		Service: r.event.Subject.ID, CommitSHA: wire.SHA(r.event.CustomData.CommitSHA), Status: build.DeploySuccess,
		CreatedAt: r.at, StartedAt: r.at, FinishedAt: r.at, UpdatedAt: r.at, URL: c.URL,
		Attrs: wire.Attrs(build.KeyConclusion, predicate, "chain_id", r.event.Context.ChainID),
	}
	if c.Environment != nil {
		d.Environment = c.Environment.ID
	}
	if _, digest := digestOf(c.ArtifactID); digest != "" {
		d.Digests = []string{digest}
	}
	if d.CommitSHA != "" {
		d.Basis = envelope.BasisRevision
	}
	switch predicate {
	case "removed":
		d.Status = build.DeployInactive
	case "rolledback":
		d.Attrs = wire.With(d.Attrs, "rollback", "true")
		fallthrough
	default:
		d.Attrs = wire.With(d.Attrs, build.KeySucceededAt, build.FormatTime(r.at))
	}
	d.Version = build.VersionOf(d.Status.Rank(), r.at)
	return []build.Event{d}
}

// change is kept when its id is a number, as those of pull requests are.
func (r *reader) change(predicate string) []build.Event {
	n, err := strconv.ParseUint(r.event.Subject.ID, 10, 32)
	if err != nil || n == 0 {
		return nil
	}
	c := &build.Change{
		Provider: build.ProviderCDEvents, Number: uint32(n), Title: wire.FirstLine(r.event.Subject.Content.Description), State: build.ChangeOpen,
		URL: r.event.Subject.Content.URL, HeadSHA: wire.SHA(r.event.CustomData.CommitSHA), HeadBranch: r.event.CustomData.Branch, UpdatedAt: r.at,
	}
	c.Host, c.Repo = r.place(r.event.Subject.Source)
	if repo := r.event.Subject.Content.Repository; repo != nil && repo.ID != "" {
		c.Host, _ = r.place(repo.Source)
		c.Repo = wire.Name(repo.ID)
	}
	rank := uint8(10)
	switch predicate {
	case "created":
		c.CreatedAt = r.at
	case "merged":
		c.State, c.MergedAt, rank = build.ChangeMerged, r.at, 30
		c.MergeSHA = c.HeadSHA
	case "abandoned":
		c.State = build.ChangeClosed
	}
	c.Version = build.VersionOf(rank, r.at)
	return []build.Event{c}
}
