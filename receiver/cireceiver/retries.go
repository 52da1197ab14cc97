package cireceiver

import (
	"github.com/summitobs/summit/internal/build"
)

// linkRetries points a job to the one that it repeats, at providers that give a repeated job another id under the same
// name, and the next one to this: they may be reported in any order.
func (s *session) linkRetries(t *build.Task) *build.Task {
	if t.Kind != build.KindJob || t.Name == "" || !build.RepeatsByName(t.Provider) {
		return t
	}
	before, after := "", (*build.Task)(nil)
	for _, other := range s.jobsNamed(t) {
		switch {
		case build.LessID(other.ID, t.ID):
			if before == "" || build.LessID(before, other.ID) {
				before = other.ID
			}
		case build.LessID(t.ID, other.ID) && (after == nil || build.LessID(other.ID, after.ID)):
			after = other
		}
	}
	if after != nil && build.LessID(after.Attrs[build.KeyRetryOf], t.ID) {
		s.put("t"+after.GlobalID(), withRetryOf(after, t.ID))
	}
	if before == "" || t.Attrs[build.KeyRetryOf] == before {
		return t
	}
	return withRetryOf(t, before)
}

// jobsNamed are the jobs of the task's run with its name, this delivery's state of each first.
func (s *session) jobsNamed(t *build.Task) []*build.Task {
	var out []*build.Task
	run := t.RunKey.ID()
	for _, key := range s.order {
		if o, ok := s.latest[key].(*build.Task); ok && o.Kind == build.KindJob && o.Name == t.Name && o.RunKey.ID() == run {
			out = append(out, o)
		}
	}
	for _, o := range s.receiver.index.JobsNamed(s.receiver.tenant, run, t.Name) {
		if _, ok := s.latest["t"+o.GlobalID()]; !ok {
			out = append(out, o)
		}
	}
	return out
}

func withRetryOf(t *build.Task, id string) *build.Task {
	out := *t
	out.Attrs = make(map[string]string, len(t.Attrs)+1)
	for k, v := range t.Attrs {
		out.Attrs[k] = v
	}
	out.Attrs[build.KeyRetryOf] = id
	return &out
}
