package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
)

// PipelineItem is a pipeline with runs in the time range.
type PipelineItem struct {
	Provider         string           `json:"provider"`
	Host             string           `json:"host"`
	Repo             string           `json:"repo"`
	Pipeline         string           `json:"pipeline"`
	Runs             int              `json:"runs"`
	Failed           int              `json:"failed"`
	SuccessRate      *float64         `json:"success_rate" doc:"Of the runs that succeeded or failed"`
	MedianDurationNS int64            `json:"median_duration_ns"`
	P90DurationNS    int64            `json:"p90_duration_ns"`
	LastRun          history.BuildRef `json:"last_run"`
}

type pipelineKey struct{ provider, host, repo, pipeline string }

func keyOf(r *build.Run) pipelineKey { return pipelineKey{r.Provider, r.Host, r.Repo, r.Pipeline} }

// Pipelines lists the pipelines with runs in the window, those with most runs first. partial tells that there were more
// runs than were read.
func (s *Service) Pipelines(ctx context.Context, c access.Caller, w history.Window, repo string) (items []PipelineItem, partial bool, err error) {
	runs, err := s.Runs(ctx, c.Scope(w.From, w.To), history.RunFilter{Repo: repo}, 0)
	if err != nil {
		return nil, false, err
	}
	groups := map[pipelineKey][]*build.Run{}
	for _, r := range runs {
		groups[keyOf(r)] = append(groups[keyOf(r)], r)
	}
	items = []PipelineItem{}
	for k, list := range groups {
		it := PipelineItem{Provider: k.provider, Host: k.host, Repo: k.repo, Pipeline: k.pipeline, Runs: len(list), LastRun: history.RefOf(list[0])}
		var took []int64
		good := 0
		for _, r := range list {
			switch r.Status {
			case build.StatusSuccess:
				good++
			case build.StatusFailure, build.StatusTimeout:
				it.Failed++
			}
		}
		for _, d := range tookOf(list) {
			took = append(took, int64(d))
		}
		if n := good + it.Failed; n > 0 {
			rate := float64(good) / float64(n)
			it.SuccessRate = &rate
		}
		it.MedianDurationNS, it.P90DurationNS = quantile(took, 0.5), quantile(took, 0.9)
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b PipelineItem) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Host, b.Host))
	})
	return items, len(runs) == history.MaxRuns, nil
}

// StuckBuild is a run that has been silent for too long.
type StuckBuild struct {
	Build       history.BuildRef `json:"build"`
	Repo        string           `json:"repo"`
	LastEventAt *time.Time       `json:"last_event_at"`
	Since       *time.Time       `json:"since"`
	SilentNS    int64            `json:"silent_ns"`
	LimitNS     int64            `json:"limit_ns"`
	HistoryRuns int              `json:"history_runs"`
	Reason      string           `json:"reason"`
}

// Stuck lists the stuck runs of the window, those that are silent longest first.
func (s *Service) Stuck(ctx context.Context, c access.Caller, w history.Window, repo, pipeline string) ([]StuckBuild, error) {
	open, err := s.Runs(ctx, c.Scope(w.From, w.To), history.RunFilter{Repo: repo, Pipeline: pipeline, Statuses: []string{"queued", "running"}}, 0)
	if err != nil {
		return nil, err
	}
	return s.stuckOf(ctx, c, open)
}

// stuckOf picks the stuck ones of runs; each pipeline's history is read once.
func (s *Service) stuckOf(ctx context.Context, c access.Caller, runs []*build.Run) ([]StuckBuild, error) {
	out := []StuckBuild{}
	var open []*build.Run
	for _, r := range runs {
		if (r.Status == build.StatusQueued || r.Status == build.StatusRunning) && !r.Stub {
			open = append(open, r)
		}
	}
	last, err := s.LastEvents(ctx, s.Ever(c), history.Keys(open))
	if err != nil || len(open) == 0 {
		return out, err
	}
	took, now := map[pipelineKey][]time.Duration{}, s.Now()
	for _, r := range open {
		k := keyOf(r)
		if _, read := took[k]; !read {
			if took[k], err = s.durations(ctx, c, r); err != nil {
				return nil, err
			}
		}
		at := last[r.RunKey.ID()]
		if st := stuckOf(r, at, now, took[k]); st.Stuck {
			out = append(out, StuckBuild{
				Build: history.RefOf(r), Repo: r.Repo, LastEventAt: history.Known(at), Since: st.Since, SilentNS: st.SilentNS, LimitNS: st.LimitNS,
				HistoryRuns: st.HistoryRuns, Reason: st.Reason,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b StuckBuild) int { return cmp.Compare(b.SilentNS, a.SilentNS) })
	return out, nil
}
