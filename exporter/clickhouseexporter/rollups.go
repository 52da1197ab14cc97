package clickhouseexporter

import (
	"sync"

	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/rollup"
)

// rollups runs the job that computes the five-minute windows of samples, from the moment the store is there.
type rollups struct {
	log *zap.Logger

	mu  sync.Mutex
	job *rollup.Job
}

// start begins the job; later calls do nothing.
func (r *rollups) start(store clickhouse.Store) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.job == nil {
		r.job = rollup.New(store.Conn(), rollup.Settings{Logger: r.log})
		r.job.Start()
	}
}

// touch tells the windows whose samples have come into the store.
func (r *rollups) touch(windows []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.job != nil && len(windows) > 0 {
		r.job.Touch(windows)
	}
}

// stop ends the job, before the store goes away.
func (r *rollups) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.job != nil {
		r.job.Stop()
		r.job = nil
	}
}
