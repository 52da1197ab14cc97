package cireceiver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Bounds of a request. What is kept of each entity in memory is bounded by them.
const (
	maxEvents  = 1000
	maxText    = 4 << 10
	maxAttrs   = 100
	maxDigests = 100
)

// ciEvent is an event of the generic door. Each type takes a part of the fields, see eventFields; the JSON Schema in
// api/json/summit.v1.ci_event.json says the same.
type ciEvent struct {
	Type string `json:"type"`

	// The run that it belongs to: by its id in Summit, or by its parts.
	BuildRunID   string `json:"build_run_id"`
	Provider     string `json:"provider"`
	Host         string `json:"host"`
	Repo         string `json:"repo"`
	RunID        string `json:"run_id"`
	Attempt      uint16 `json:"attempt"`
	RepositoryID string `json:"repository_id"`

	ID         string `json:"id"`
	ParentID   string `json:"parent_id"`
	Kind       string `json:"kind"`
	StepNumber uint32 `json:"step_number"`

	Pipeline  string `json:"pipeline"`
	Name      string `json:"name"`
	Branch    string `json:"branch"`
	CommitSHA string `json:"commit_sha"`
	Trigger   string `json:"trigger"`
	Actor     string `json:"actor"`
	PRNumber  uint32 `json:"pr_number"`

	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
	CreatedAt  string `json:"created_at"`
	StartedAt  string `json:"started_at"`
	FinishedAt string `json:"finished_at"`
	UpdatedAt  string `json:"updated_at"`
	DurationNS int64  `json:"duration_ns"`
	Message    string `json:"message"`
	URL        string `json:"url"`

	CostUSD     float64 `json:"cost_usd"`
	Runner      string  `json:"runner"`
	RunnerClass string  `json:"runner_class"`
	Flaky       bool    `json:"flaky"`
	Retries     uint16  `json:"retries"`
	Suite       string  `json:"suite"`
	TaskID      string  `json:"task_id"`

	Digest  string `json:"digest"`
	Version string `json:"version"`
	Service string `json:"service"`

	DeploymentID      string   `json:"deployment_id"`
	Environment       string   `json:"environment"`
	ServiceVersion    string   `json:"service_version"`
	PreviousCommitSHA string   `json:"previous_commit_sha"`
	Digests           []string `json:"digests"`
	ApprovedBy        string   `json:"approved_by"`
	Creator           string   `json:"creator"`
	RollbackOf        string   `json:"rollback_of"`

	Attrs map[string]string `json:"attrs"`
}

var (
	runFields  = []string{"build_run_id", "provider", "host", "repo", "run_id", "attempt", "repository_id"}
	timeFields = []string{"created_at", "started_at", "finished_at", "updated_at"}
)

// eventFields are the fields that each type takes, besides type and attrs.
var eventFields = map[string][]string{
	"run": slices.Concat(runFields, timeFields, []string{
		"pipeline", "name", "branch", "commit_sha", "trigger", "actor", "pr_number", "status", "conclusion", "message", "url", "cost_usd",
	}),
	"task": slices.Concat(runFields, timeFields, []string{
		"id", "parent_id", "kind", "step_number", "pipeline", "name", "branch", "commit_sha", "status", "conclusion", "message", "url",
		"cost_usd", "runner", "runner_class", "flaky", "retries",
	}),
	"test": slices.Concat(runFields, timeFields, []string{
		"id", "task_id", "suite", "name", "branch", "commit_sha", "status", "duration_ns", "message", "url", "flaky", "retries",
	}),
	"artifact": slices.Concat(runFields, []string{
		"digest", "name", "version", "service", "task_id", "branch", "commit_sha", "created_at", "updated_at", "url",
	}),
	"deployment": slices.Concat(timeFields, []string{
		"provider", "host", "repo", "build_run_id", "deployment_id", "environment", "service", "service_version", "commit_sha",
		"previous_commit_sha", "digests", "status", "conclusion", "approved_by", "creator", "url", "rollback_of",
	}),
}

func eventTypes() []string { return slices.Sorted(maps.Keys(eventFields)) }

// parseEvents reads one event or {"events": […]}. Problems name the field with its place in the list.
func parseEvents(body []byte, now time.Time) ([]parsed, *wire.Problem) {
	var top map[string]json.RawMessage
	if p := wire.Decode(body, &top, false); p != nil {
		return nil, p
	}
	list, isList := top["events"]
	if !isList {
		ev, p := parseEvent(top, "", now)
		if p != nil {
			return nil, p
		}
		return []parsed{ev}, nil
	}
	if len(top) > 1 {
		return nil, wire.WrongField(otherKey(top), "stands beside events; want events alone or one event without it")
	}
	raw, p := eventList(list)
	if p != nil {
		return nil, p
	}
	out := make([]parsed, 0, len(raw))
	for i, fields := range raw {
		ev, p := parseEvent(fields, fmt.Sprintf("events[%d].", i), now)
		if p != nil {
			return nil, p
		}
		out = append(out, ev)
	}
	return out, nil
}

// eventList takes the array apart and stops at the first event too many: millions of empty ones fit into a request.
func eventList(list json.RawMessage) ([]map[string]json.RawMessage, *wire.Problem) {
	d := json.NewDecoder(bytes.NewReader(list))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil, wire.WrongField("events", "must be an array of objects")
	}
	var out []map[string]json.RawMessage
	for d.More() {
		if len(out) == maxEvents {
			return nil, wire.WrongField("events", fmt.Sprintf("must hold at most %d events", maxEvents))
		}
		var fields map[string]json.RawMessage
		if err := d.Decode(&fields); err != nil {
			return nil, wire.WrongField("events", "must be an array of objects")
		}
		out = append(out, fields)
	}
	if len(out) == 0 {
		return nil, wire.WrongField("events", fmt.Sprintf("must hold 1 to %d events, got 0", maxEvents))
	}
	return out, nil
}

// tooLong refuses texts that nobody reads and that would be kept; a message is cut instead.
func tooLong(path string, e *ciEvent, fields map[string]json.RawMessage) *wire.Problem {
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if k != "message" && k != "attrs" && k != "digests" && isLong(fields[k]) {
			return wire.WrongField(path+k, fmt.Sprintf("is longer than %d bytes", maxText))
		}
	}
	if len(e.Digests) > maxDigests {
		return wire.WrongField(path+"digests", fmt.Sprintf("must hold at most %d digests", maxDigests))
	}
	if len(e.Attrs) > maxAttrs {
		return wire.WrongField(path+"attrs", fmt.Sprintf("must hold at most %d entries", maxAttrs))
	}
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		if len(k) > maxText || len(e.Attrs[k]) > maxText {
			return wire.WrongField(path+"attrs."+wire.Cut(k, 64), fmt.Sprintf("is longer than %d bytes", maxText))
		}
	}
	return nil
}

// isLong tells a value that takes more than maxText bytes: a text as it is, not as it is written with its escapes.
func isLong(raw json.RawMessage) bool {
	if len(raw) <= maxText+2 {
		return false
	}
	var s string
	return json.Unmarshal(raw, &s) != nil || len(s) > maxText
}

func otherKey(m map[string]json.RawMessage) string {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "events" {
			return k
		}
	}
	return "events"
}

func parseEvent(fields map[string]json.RawMessage, path string, now time.Time) (parsed, *wire.Problem) {
	var e ciEvent
	if p := decodeField(fields["type"], &e.Type); p != nil || e.Type == "" {
		return parsed{}, wire.WrongField(path+"type", "must be the type of the event", eventTypes()...)
	}
	allowed, ok := eventFields[e.Type]
	if !ok {
		return parsed{}, wire.WrongField(path+"type", fmt.Sprintf("%q is no type of event", e.Type), eventTypes()...)
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if k != "type" && k != "attrs" && !slices.Contains(allowed, k) {
			return parsed{}, wire.WrongField(path+k, "is no field of a "+e.Type, slices.Sorted(slices.Values(allowed))...)
		}
	}
	whole, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(whole, &e)
	}
	if err != nil {
		p := wire.DecodeProblem(err)
		p.Field = path + p.Field
		return parsed{}, p
	}
	if p := tooLong(path, &e, fields); p != nil {
		return parsed{}, p
	}
	c := converter{ev: &e, path: path, now: now}
	ev := c.convert()
	if c.problem != nil {
		return parsed{}, c.problem
	}
	return parsed{event: ev, context: c.stub()}, nil
}

func decodeField(raw json.RawMessage, v any) *wire.Problem {
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return wire.DecodeProblem(err)
	}
	return nil
}
