package cireceiver

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// take completes the events of a delivery by what is known of their entities, hands them to the pipelines and then to the
// index. Deliveries that touch the same run or deployment go one after the other, or each would complete the same old
// state. Nothing is remembered of a delivery that wasn't stored.
func (r *ciReceiver) take(ctx context.Context, id string, events []build.Event) (result, *wire.Problem) {
	return r.takeParsed(ctx, id, wire.Of(events...))
}

// takeParsed is take for a delivery that may bring its own spans.
func (r *ciReceiver) takeParsed(ctx context.Context, id string, parsed wire.Parsed) (result, *wire.Problem) {
	if len(parsed.Events) == 0 && !parsed.OwnSpans {
		return result{Status: "ignored", Detail: "the delivery tells nothing that is kept", code: http.StatusOK}, nil
	}
	r.awaitIndex(ctx)
	events := parsed.Events
	unlock := r.keys.lock(append(r.lockKeys(events), id))
	defer unlock()
	if id != "" && r.seen.has(id) {
		return result{Status: "duplicate", code: http.StatusOK}, nil
	}
	s := r.complete(events)
	changed, spans := s.changed(), parsed.Spans
	if !parsed.OwnSpans {
		spans = s.spans()
	}
	if err := r.consume(ctx, s, changed, spans); err != nil {
		return result{}, wire.DownstreamProblem(err)
	}
	for _, ev := range changed {
		r.index.Observe(r.tenant, ev)
	}
	r.seen.add(id)
	res := result{Status: "stored", Events: len(changed), Spans: spans.SpanCount(), code: http.StatusOK}
	if len(changed) == 0 {
		res.Status = "unchanged"
	}
	return res, nil
}

// rebuildWait is less than the ten seconds that providers wait for an answer.
const rebuildWait = 5 * time.Second

// awaitIndex lets the first deliveries after a start wait for what is known already. A store that doesn't answer isn't
// waited for longer: a delivery that is refused may never come again.
func (r *ciReceiver) awaitIndex(ctx context.Context) {
	if r.rebuilt == nil {
		return
	}
	timer := time.NewTimer(time.Until(r.waitUntil))
	defer timer.Stop()
	select {
	case <-r.rebuilt:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// complete merges each event with the last known state of its entity, leaves out those that tell nothing new, and notes
// what has finished by this delivery.
func (r *ciReceiver) complete(events []build.Event) *session {
	s := &session{receiver: r, latest: make(map[string]build.Event)}
	for _, ev := range events {
		switch e := ev.(type) {
		case *build.Run:
			s.run(e)
		case *build.Task:
			s.task(e)
		case *build.Artifact:
			s.artifact(e)
		case *build.Deployment:
			s.deployment(e)
		default:
			s.put("", ev)
		}
	}
	return s
}

// session is the state of one delivery: what it has made of each entity so far.
type session struct {
	receiver *ciReceiver
	order    []string
	latest   map[string]build.Event
	commits  []build.Event
	finished []build.Event
	// ended are the keys of finished.
	ended []string
}

func (s *session) put(key string, ev build.Event) {
	if key == "" {
		s.commits = append(s.commits, ev)
		return
	}
	if _, ok := s.latest[key]; !ok {
		s.order = append(s.order, key)
	}
	s.latest[key] = ev
}

func (s *session) run(e *build.Run) {
	key := "r" + e.ID()
	before := s.receiver.index.Run(s.receiver.tenant, e.ID())
	if x, ok := s.latest[key].(*build.Run); ok {
		before = x
	}
	after := before.Merge(e)
	if reflect.DeepEqual(before, after) {
		return
	}
	s.put(key, after)
	if ended, key := endOf(before, e, after, key); ended != nil {
		s.finish(key, ended)
	}
}

// endOf is the state of a run whose span an event brings, and what remembers that span. Most runs end once. One that its
// provider takes up again gets its span at the first end and another at each later one; an old end that is told after a
// newer one changes nothing, and an end that is told after the run was taken up is told by the event alone.
func endOf(before, e, after *build.Run, key string) (*build.Run, string) {
	if before == nil {
		before = &build.Run{}
	}
	end := e.Attrs[build.KeyLastFinishedAt]
	if end == "" {
		if hasEnded(&after.State) && !hasEnded(&before.State) {
			return after, key
		}
		return nil, ""
	}
	if !hasEnded(&e.State) || end <= before.Attrs[build.KeyLastFinishedAt] {
		return nil, ""
	}
	if hasEnded(&after.State) {
		return after, key + "@" + end
	}
	ended := *e
	ended.Attrs = after.Attrs
	return &ended, key + "@" + end
}

// finish notes what gets its spans by this delivery, unless an earlier one brought them as far as the traces pipeline.
func (s *session) finish(key string, ev build.Event) {
	if !s.receiver.spanned.has(key) {
		s.finished, s.ended = append(s.finished, ev), append(s.ended, key)
	}
}

func (s *session) task(e *build.Task) {
	key := "t" + e.GlobalID()
	before := s.receiver.index.Task(s.receiver.tenant, e.RunKey.ID(), e.ID)
	if x, ok := s.latest[key].(*build.Task); ok {
		before = x
	}
	after := s.linkRetries(before.Merge(e))
	if reflect.DeepEqual(before, after) {
		return
	}
	s.put(key, after)
	if hasEnded(&after.State) && (before == nil || !hasEnded(&before.State)) {
		s.finish(key, after)
	}
}

func hasEnded(s *build.State) bool { return !s.Stub && s.Status.Finished() && !s.FinishedAt.IsZero() }

// artifact also names the build run in deployments of its digest that came before it.
func (s *session) artifact(e *build.Artifact) {
	key := "a" + e.Digest + "\x00" + e.RunKey.ID()
	before := s.receiver.index.Artifact(s.receiver.tenant, e.Digest, e.RunKey.ID())
	if x, ok := s.latest[key].(*build.Artifact); ok {
		before = x
	}
	after := before.Merge(e)
	if reflect.DeepEqual(before, after) {
		return
	}
	s.put(key, after)
	if e.RunID == "" {
		return
	}
	for _, d := range s.receiver.index.DeploymentsOf(s.receiver.tenant, []string{e.Digest}, "") {
		if d.BuildRunID != "" && (d.BuildRunID != e.RunKey.ID() || d.Basis == envelope.BasisDigest) {
			continue
		}
		linked := *d
		linked.BuildRunID, linked.Basis = e.RunKey.ID(), envelope.BasisDigest
		if linked.CommitSHA == "" {
			linked.CommitSHA = after.CommitSHA
		}
		s.put(deploymentKey(&linked), &linked)
	}
}

// deployment names the build run by the best evidence that there is when the provider doesn't. A provider tells of a
// deployment as a whole, the generic door of its services: each service's state follows the whole's, whichever comes first.
func (s *session) deployment(e *build.Deployment) {
	before := s.known(e.ID(), e.Service)
	after := before.Merge(e)
	if e.Service != "" {
		after = after.Merge(ofService(s.known(e.ID(), ""), e.Service))
	}
	after = s.linked(after)
	if reflect.DeepEqual(before, after) {
		return
	}
	s.put(deploymentKey(after), after)
	if e.Service != "" {
		return
	}
	for _, part := range s.services(e.ID()) {
		if merged := part.Merge(ofService(after, part.Service)); !reflect.DeepEqual(part, merged) {
			s.put(deploymentKey(merged), merged)
		}
	}
}

// linked is the deployment with the build run that its evidence names, where it names none itself. A run that it names is
// proved by a digest that the run made.
func (s *session) linked(d *build.Deployment) *build.Deployment {
	if d.BuildRunID != "" {
		if d.Basis == envelope.BasisDigest || !s.made(d.BuildRunID, d.Digests) {
			return d
		}
		out := *d
		out.Basis = envelope.BasisDigest
		return &out
	}
	found := s.resolve(d)
	if found.BuildRunID == "" {
		return d
	}
	out := *d
	out.BuildRunID, out.Basis = found.BuildRunID, found.Basis
	if out.CommitSHA == "" {
		out.CommitSHA = found.CommitSHA
	}
	return &out
}

// made tells whether the run reported an artifact with one of the digests.
func (s *session) made(run string, digests []string) bool {
	return slices.ContainsFunc(digests, func(digest string) bool {
		_, here := s.latest["a"+digest+"\x00"+run]
		return here || s.receiver.index.Artifact(s.receiver.tenant, digest, run) != nil
	})
}

// known is the last state of a deployment, this delivery's first.
func (s *session) known(id, service string) *build.Deployment {
	if d, ok := s.latest["d"+id+"\x00"+service].(*build.Deployment); ok {
		return d
	}
	return s.receiver.index.Deployment(s.receiver.tenant, id, service)
}

// services are the states of the deployment that name a service, this delivery's first.
func (s *session) services(id string) []*build.Deployment {
	var out []*build.Deployment
	for _, key := range s.order {
		if d, ok := s.latest[key].(*build.Deployment); ok && d.ID() == id && d.Service != "" {
			out = append(out, d)
		}
	}
	for _, d := range s.receiver.index.Services(s.receiver.tenant, id) {
		if _, ok := s.latest[deploymentKey(d)]; !ok {
			out = append(out, d)
		}
	}
	return out
}

// ofService is what the state of a whole deployment says of one of its services.
func ofService(whole *build.Deployment, service string) *build.Deployment {
	if whole == nil {
		return nil
	}
	part := *whole
	part.Service = service
	return &part
}

// resolve looks into this delivery first: it may tell of the artifact and of its deployment at once.
func (s *session) resolve(d *build.Deployment) envelope.Correlation {
	for _, key := range s.order {
		a, ok := s.latest[key].(*build.Artifact)
		if ok && a.RunID != "" && slices.Contains(d.Digests, a.Digest) {
			return envelope.Correlation{BuildRunID: a.RunKey.ID(), CommitSHA: a.CommitSHA, Basis: envelope.BasisDigest}
		}
	}
	return s.receiver.index.Resolve(s.receiver.tenant, correlation.Evidence{
		Digests: d.Digests, Revision: d.CommitSHA, Service: d.Service, Version: d.ServiceVersion,
	}, d.UpdatedAt)
}

func deploymentKey(d *build.Deployment) string { return "d" + d.ID() + "\x00" + d.Service }

// changed are the events to store, in the order in which their entities were named.
func (s *session) changed() []build.Event {
	out := make([]build.Event, 0, len(s.order)+len(s.commits))
	for _, key := range s.order {
		out = append(out, s.latest[key])
	}
	return append(out, s.commits...)
}

// spans are those of what this delivery ended. A run that ended before its jobs gets its span alone, they get theirs when
// they end: the ids fit together.
func (s *session) spans() ptrace.Traces {
	td := ptrace.NewTraces()
	runs := make(map[string]*build.Run)
	tasks := make(map[string][]*build.Task)
	var order []string
	for _, ev := range s.finished {
		switch e := ev.(type) {
		case *build.Run:
			order = append(order, e.ID())
			runs[e.ID()] = e
		case *build.Task:
			order = append(order, e.RunKey.ID())
			tasks[e.RunKey.ID()] = append(tasks[e.RunKey.ID()], e)
		}
	}
	slices.Sort(order)
	for _, id := range slices.Compact(order) {
		run := runs[id]
		if run == nil {
			run = s.contextOf(id, tasks[id][0])
		}
		build.Spans(run, tasks[id]).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// contextOf gives what the spans of tasks need of their run, without the span of the run itself.
func (s *session) contextOf(id string, t *build.Task) *build.Run {
	run, ok := s.latest["r"+id].(*build.Run)
	if !ok {
		run = s.receiver.index.Run(s.receiver.tenant, id)
	}
	if run == nil {
		run = &build.Run{RunKey: t.RunKey, State: build.State{Pipeline: t.Pipeline, Branch: t.Branch, CommitSHA: t.CommitSHA, Attrs: t.Attrs}}
	}
	stub := *run
	stub.Stub = true
	return &stub
}

// consume hands over the spans first. Once the events are stored the index may learn them from the store, and the same
// delivery sent again then tells nothing new: spans that were refused after that would never be made. Spans whose events
// are refused are remembered instead, so that the next try doesn't send them twice.
func (r *ciReceiver) consume(ctx context.Context, s *session, events []build.Event, spans ptrace.Traces) error {
	if err := r.consumeSpans(ctx, spans); err != nil {
		return err
	}
	if err := r.consumeEvents(ctx, events); err != nil {
		for _, key := range s.ended {
			r.spanned.add(key)
		}
		return err
	}
	return nil
}

func (r *ciReceiver) consumeEvents(ctx context.Context, events []build.Event) error {
	if r.logs == nil || len(events) == 0 {
		return nil
	}
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(envelope.AttrTenantID, r.tenant.String())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	observed := pcommon.NewTimestampFromTime(now())
	sl.LogRecords().EnsureCapacity(len(events))
	for _, ev := range events {
		lr := sl.LogRecords().AppendEmpty()
		build.AppendTo(ev, lr)
		lr.SetObservedTimestamp(observed)
	}
	octx := r.obs.StartLogsOp(build.WithChecked(ctx))
	err := r.logs.ConsumeLogs(octx, ld)
	r.obs.EndLogsOp(octx, "summit_ci", len(events), err)
	return err
}

func (r *ciReceiver) consumeSpans(ctx context.Context, spans ptrace.Traces) error {
	n := spans.SpanCount()
	if r.traces == nil || n == 0 {
		return nil
	}
	for _, rs := range spans.ResourceSpans().All() {
		rs.Resource().Attributes().PutStr(envelope.AttrTenantID, r.tenant.String())
	}
	octx := r.obs.StartTracesOp(ctx)
	err := r.traces.ConsumeTraces(octx, spans)
	r.obs.EndTracesOp(octx, "summit_ci", n, err)
	return err
}

// withContext puts the stub of a run before the events that belong to it, once.
func withContext(list []parsed) []build.Event {
	out := make([]build.Event, 0, len(list)+1)
	seen := make(map[string]bool)
	for _, p := range list {
		if p.context != nil && !seen[p.context.ID()] {
			seen[p.context.ID()] = true
			out = append(out, p.context)
		}
		out = append(out, p.event)
	}
	return out
}

func eventTypeOf(ev build.Event) string {
	switch e := ev.(type) {
	case *build.Run:
		return "run"
	case *build.Task:
		if e.Kind == build.KindTestCase {
			return "test"
		}
		return "task"
	case *build.Artifact:
		return "artifact"
	default:
		return "deployment"
	}
}
