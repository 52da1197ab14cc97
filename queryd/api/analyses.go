package api

import (
	"context"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/common/model"

	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/blame"
	"github.com/summitobs/summit/queryd/coverage"
	"github.com/summitobs/summit/queryd/dora"
	"github.com/summitobs/summit/queryd/durations"
	"github.com/summitobs/summit/queryd/flaky"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/impact"
	"github.com/summitobs/summit/queryd/pipeline"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
)

// analyses are the services that conclude from what is stored.
type analyses struct {
	pipeline  *pipeline.Service
	flaky     *flaky.Service
	dora      *dora.Service
	durations *durations.Service
	coverage  *coverage.Service
	blame     *blame.Reader
	impact    *impact.Reader
}

func newAnalyses(s *query.Service) analyses {
	h := history.New(s.Runner)
	return analyses{
		pipeline: pipeline.New(h), flaky: flaky.New(h), dora: dora.New(h), durations: durations.New(h), coverage: coverage.New(h),
		blame: blame.New(h, s), impact: impact.New(h, s),
	}
}

func (h *handlers) analysed(a huma.API) {
	register(h, a, "list-pipelines", "/pipelines", "List pipelines with runs in the time range", h.pipelines)
	register(h, a, "get-pipeline-stats", "/pipelines/stats", "Tell where a pipeline's time goes, its bottleneck, its runners and what it did again", h.pipelineStats)
	register(h, a, "list-stuck-builds", "/stuck-builds", "List runs that have been silent for longer than their pipeline's runs take", h.stuckBuilds)
	register(h, a, "get-build-analysis", "/builds/{id}/analysis", "Take a run apart: jobs in their order, waits, critical path, attempts", h.buildAnalysis)
	register(h, a, "get-build-critical-path", "/builds/{id}/critical-path", "Find the chain of jobs that decided how long a run took", h.criticalPath)
	register(h, a, "compare-build", "/builds/{id}/compare", "Put a run beside the last one that succeeded, or another one", h.compareBuild)
	register(h, a, "list-flaky-tests", "/flaky-tests", "List tests with their verdict: flaky, broken or healthy", h.flakyTests)
	register(h, a, "get-flaky-test", "/flaky-tests/{test_id}", "Get a test with the evidence for its verdict", h.flakyTest)
	register(h, a, "get-flaky-matrix", "/flaky-matrix", "Put the unsteadiest tests beside the newest runs", h.flakyMatrix)
	register(h, a, "list-test-durations", "/test-durations", "List tests that became slower, and since which run", h.testDurations)
	register(h, a, "get-dora", "/dora", "Compute the five measures of delivery with the deployments behind each", h.doraReport)
	register(h, a, "list-route-coverage", "/route-coverage", "List routes of production with the tests that reach them", h.routeCoverage)
	register(h, a, "get-blame", "/blame", "Rank the commits that may have brought an error or broken a build", h.blamed)
	register(h, a, "get-impact", "/impact", "Follow a commit or build to its deployments, services, errors and traces", h.impacted)
}

// schemaName names a type in the document. Types of the analyses have the name of their package before them: several of
// them have a report.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	pkg := path.Base(t.PkgPath())
	switch pkg {
	case "pipeline", "flaky", "dora", "durations", "coverage", "blame", "impact":
		prefix := strings.ToUpper(pkg[:1]) + pkg[1:]
		if !strings.HasPrefix(name, prefix) {
			return prefix + name
		}
	}
	return name
}

// AnalysisRange is the time range of an analysis.
type AnalysisRange struct {
	From string `query:"from" default:"now-30d" doc:"Start of the time range: RFC 3339, unix nanoseconds, now, or now-30d"`
	To   string `query:"to" default:"now" doc:"End of the time range, not included"`
}

func (in *AnalysisRange) window(now time.Time) (w history.Window, err error) {
	w.From, w.To, err = parseRange(in.From, in.To, now)
	return w, err
}

// AnalysisPage is the part of an analysis' list that is wanted.
type AnalysisPage struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"Items on a page"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

type pipelinesInput struct {
	AnalysisRange
	Repo string `query:"repo"`
}

func (h *handlers) pipelines(ctx context.Context, c access.Caller, in *pipelinesInput) (page query.Page[pipeline.PipelineItem], err error) {
	w, err := in.window(h.now())
	if err != nil {
		return page, err
	}
	page.Items, page.Partial, err = h.pipeline.Pipelines(ctx, c, w, in.Repo)
	return page, err
}

type pipelineInput struct {
	AnalysisRange
	Repo     string `query:"repo" example:"acme/shop" doc:"Repository of the pipeline; wanted"`
	Pipeline string `query:"pipeline" example:"ci" doc:"The pipeline; wanted"`
	Branch   string `query:"branch"`
}

func (h *handlers) pipelineStats(ctx context.Context, c access.Caller, in *pipelineInput) (st pipeline.Stats, err error) {
	q := pipeline.StatsQuery{Repo: in.Repo, Pipeline: in.Pipeline, Branch: in.Branch}
	if q.Window, err = in.window(h.now()); err != nil {
		return st, err
	}
	return h.pipeline.Stats(ctx, c, q)
}

type stuckInput struct {
	AnalysisRange
	Repo     string `query:"repo"`
	Pipeline string `query:"pipeline"`
}

func (h *handlers) stuckBuilds(ctx context.Context, c access.Caller, in *stuckInput) (page query.Page[pipeline.StuckBuild], err error) {
	w, err := in.window(h.now())
	if err != nil {
		return page, err
	}
	page.Items, err = h.pipeline.Stuck(ctx, c, w, in.Repo, in.Pipeline)
	return page, err
}

func (h *handlers) buildAnalysis(ctx context.Context, c access.Caller, in *BuildInput) (pipeline.Analysis, error) {
	return h.pipeline.Analyse(ctx, c, in.ID)
}

func (h *handlers) criticalPath(ctx context.Context, c access.Caller, in *BuildInput) (pipeline.CriticalPath, error) {
	return h.pipeline.CriticalPath(ctx, c, in.ID)
}

type compareInput struct {
	BuildInput
	With string `query:"with" doc:"Id of the run to compare with; without it the last that succeeded before"`
}

func (h *handlers) compareBuild(ctx context.Context, c access.Caller, in *compareInput) (pipeline.Comparison, error) {
	return h.pipeline.Compare(ctx, c, in.ID, in.With)
}

// FlakyFilter narrows tests. Exported, as is what is embedded: fields of an unexported one are not read from requests.
type FlakyFilter struct {
	AnalysisRange
	Repo   string `query:"repo" example:"acme/shop"`
	Branch string `query:"branch" doc:"Runs of one branch alone; tests that never failed are left out then"`
	Owner  string `query:"owner" doc:"An owner of the test, as the code owners' file has it"`
	State  string `query:"state" enum:"healthy,flaky,broken"`
}

func (in *FlakyFilter) query(now time.Time) (q flaky.Query, err error) {
	q = flaky.Query{Repo: in.Repo, Branch: in.Branch, Owner: in.Owner, State: in.State}
	q.Window, err = in.window(now)
	return q, err
}

type flakyInput struct {
	FlakyFilter
	AnalysisPage
	Suite string `query:"suite"`
	Name  string `query:"name" doc:"Part of the test's name"`
}

func (h *handlers) flakyTests(ctx context.Context, c access.Caller, in *flakyInput) (list flaky.FlakyList, err error) {
	q, err := in.query(h.now())
	if err != nil {
		return list, err
	}
	q.Suite, q.Name, q.Limit, q.Cursor = in.Suite, in.Name, in.Limit, in.Cursor
	return h.flaky.List(ctx, c, q)
}

type flakyTestInput struct {
	TestID string `path:"test_id" doc:"32 hex digits"`
	AnalysisRange
	Repo string `query:"repo"`
}

func (h *handlers) flakyTest(ctx context.Context, c access.Caller, in *flakyTestInput) (d flaky.FlakyDetail, err error) {
	w, err := in.window(h.now())
	if err != nil {
		return d, err
	}
	return h.flaky.Test(ctx, c, in.TestID, flaky.Query{Window: w, Repo: in.Repo})
}

type matrixInput struct {
	FlakyFilter
	Pipeline string `query:"pipeline"`
	Tests    int    `query:"tests" default:"40" minimum:"1" maximum:"200"`
	Runs     int    `query:"runs" default:"60" minimum:"1" maximum:"200"`
}

func (h *handlers) flakyMatrix(ctx context.Context, c access.Caller, in *matrixInput) (m flaky.Matrix, err error) {
	q, err := in.query(h.now())
	if err != nil {
		return m, err
	}
	return h.flaky.Matrix(ctx, c, flaky.MatrixQuery{Query: q, Pipeline: in.Pipeline, Tests: in.Tests, Runs: in.Runs})
}

type durationsInput struct {
	AnalysisRange
	AnalysisPage
	Repo   string `query:"repo"`
	Branch string `query:"branch"`
}

func (h *handlers) testDurations(ctx context.Context, c access.Caller, in *durationsInput) (page query.Page[durations.Slower], err error) {
	w, err := in.window(h.now())
	if err != nil {
		return page, err
	}
	items, full, err := h.durations.Regressions(ctx, c, durations.Query{Window: w, Repo: in.Repo, Branch: in.Branch})
	if err != nil {
		return page, err
	}
	page.Partial = !full
	page.Items, page.Next, err = history.Paged("test-durations", items, in.Cursor, in.Limit)
	return page, err
}

type doraInput struct {
	AnalysisRange
	Service       string `query:"service"`
	Environment   string `query:"environment" doc:"One environment; without it those of the production tier"`
	Repo          string `query:"repo"`
	FailureWindow string `query:"failure_window" default:"24h" doc:"How long after a deployment it can turn out to have failed by an alert, and how old it must be to count as good"`
	Bots          string `query:"bots" enum:"include,exclude" default:"include" doc:"Whether commits of robots count in the lead time"`
	Reverts       string `query:"reverts" enum:"include,exclude" default:"include" doc:"Whether reverts count in the lead time"`
}

func (h *handlers) doraReport(ctx context.Context, c access.Caller, in *doraInput) (r dora.Report, err error) {
	o := dora.Options{
		Service: in.Service, Environment: in.Environment, Repo: in.Repo, WithoutBots: in.Bots == "exclude", WithoutReverts: in.Reverts == "exclude",
	}
	if o.Window, err = in.window(h.now()); err != nil {
		return r, err
	}
	d, err := model.ParseDuration(in.FailureWindow)
	if err != nil {
		return r, runner.Wrong("failure_window", "failure_window must be a span as in 24h or 3d")
	}
	o.FailureWindow = time.Duration(d)
	return h.dora.Measure(ctx, c, o)
}

type coverageInput struct {
	AnalysisRange
	AnalysisPage
	Service     string `query:"service"`
	Environment string `query:"environment" doc:"One environment; without it those of production"`
	Uncovered   string `query:"uncovered" enum:"true,false" doc:"Routes that no test reaches alone, or those with one alone"`
}

func (h *handlers) routeCoverage(ctx context.Context, c access.Caller, in *coverageInput) (list coverage.RouteList, err error) {
	q := coverage.Query{Service: in.Service, Environment: in.Environment, Limit: in.Limit, Cursor: in.Cursor}
	if q.Window, err = in.window(h.now()); err != nil {
		return list, err
	}
	if in.Uncovered != "" {
		yes := in.Uncovered == "true"
		q.Uncovered = &yes
	}
	return h.coverage.Routes(ctx, c, q)
}

type blameInput struct {
	Error       string `query:"error" doc:"Fingerprint of an error. Exactly one of error and build is wanted"`
	Build       string `query:"build" doc:"Id of a build run that failed"`
	Service     string `query:"service"`
	Environment string `query:"environment"`
}

func (h *handlers) blamed(ctx context.Context, c access.Caller, in *blameInput) (blame.Report, error) {
	if (in.Error == "") == (in.Build == "") {
		return blame.Report{}, runner.Wrong("error", "exactly one of error and build says what somebody is looked for", "error", "build")
	}
	if in.Build != "" {
		return h.blame.Build(ctx, c, in.Build)
	}
	return h.blame.Error(ctx, c, in.Error, in.Service, in.Environment)
}

type impactInput struct {
	Commit string `query:"commit" doc:"A commit's hash. Exactly one of commit and build is wanted"`
	Build  string `query:"build" doc:"Id of a build run"`
	Repo   string `query:"repo" doc:"Repository of the commit, where several have it"`
	AnalysisRange
}

func (h *handlers) impacted(ctx context.Context, c access.Caller, in *impactInput) (impact.Report, error) {
	w, err := in.window(h.now())
	if err != nil {
		return impact.Report{}, err
	}
	if (in.Commit == "") == (in.Build == "") {
		return impact.Report{}, runner.Wrong("commit", "exactly one of commit and build says what is followed", "commit", "build")
	}
	if in.Build != "" {
		return h.impact.Build(ctx, c, in.Build, w)
	}
	return h.impact.Commit(ctx, c, in.Commit, in.Repo, w)
}
