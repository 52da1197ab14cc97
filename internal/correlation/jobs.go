package correlation

import (
	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/tenant"
)

const refJob = 'j'

// JobsNamed gives the jobs of a run that have a name, for providers that give a repeated job another id under it.
func (ix *Index) JobsNamed(id tenant.ID, runID, name string) []*build.Task {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	sh := ix.tenants[id]
	if sh == nil {
		return nil
	}
	var out []*build.Task
	for e := range sh.refs[ref{refJob, runID, name}] {
		if t, ok := e.event.(*build.Task); ok {
			out = append(out, t)
		}
	}
	return out
}

// jobRefs keeps only what JobsNamed is asked for: most providers keep the id of a repeated job.
func jobRefs(t *build.Task) []ref {
	if t.Kind != build.KindJob || t.Name == "" || !build.RepeatsByName(t.Provider) {
		return nil
	}
	return []ref{{refJob, t.RunKey.ID(), t.Name}}
}
