package jenkins

import (
	"container/list"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/build"
)

// Bounds of what is remembered of builds that go on.
const (
	maxTraces = 4096
	maxStages = 500
)

// pending holds stages of builds whose own span hasn't come. It is safe for concurrent use.
type pending struct {
	limit int
	// mu guards what follows.
	mu     sync.Mutex
	traces map[pcommon.TraceID]*list.Element
	order  *list.List // of *openBuild, the one heard of last in front
}

type openBuild struct {
	trace pcommon.TraceID
	tasks []*build.Task
}

func newPending(limit int) *pending {
	return &pending{limit: limit, traces: make(map[pcommon.TraceID]*list.Element), order: list.New()}
}

// add keeps a stage. It is false when a stage was given up for it: the build has too many, or there are too many builds
// and the one that was silent for longest is forgotten.
func (p *pending) add(s stage) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.traces[s.trace]
	if !ok {
		e = p.order.PushFront(&openBuild{trace: s.trace})
		p.traces[s.trace] = e
	}
	p.order.MoveToFront(e)
	b := e.Value.(*openBuild)
	if len(b.tasks) >= maxStages {
		return false
	}
	b.tasks = append(b.tasks, s.task)
	if p.order.Len() <= p.limit {
		return true
	}
	oldest := p.order.Remove(p.order.Back()).(*openBuild)
	delete(p.traces, oldest.trace)
	return false
}

// take gives the stages of a build that has ended and forgets them.
func (p *pending) take(trace pcommon.TraceID) []*build.Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.traces[trace]
	if !ok {
		return nil
	}
	delete(p.traces, trace)
	return p.order.Remove(e).(*openBuild).tasks
}
