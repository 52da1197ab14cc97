// Package api is the REST face of queryd: routes under /api/v1, described by an OpenAPI 3.1 document that is made from
// the Go types. It parses what people write, asks queryd/query, and puts problems into RFC 9457 form.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/query"
)

// Prefix is where the routes are.
const Prefix = "/api/v1"

// handlers answer requests from a service.
type handlers struct {
	service *query.Service
	analyses
	logger *slog.Logger
	now    func() time.Time
}

// Register adds the routes to the mux and gives the document that describes them.
func Register(mux *http.ServeMux, service *query.Service, version string, logger *slog.Logger) *huma.OpenAPI {
	config := huma.DefaultConfig("Summit", version)
	config.Info.Description = "Telemetry and builds, joined. Times are RFC 3339 with nanoseconds in UTC, durations integers in nanoseconds, ids lower-case hex."
	config.OpenAPIPath = Prefix + "/openapi"
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	a := humago.New(mux, config)
	h := &handlers{service: service, analyses: newAnalyses(service), logger: logger, now: time.Now}
	h.lists(a)
	h.details(a)
	h.analysed(a)
	mux.HandleFunc(Prefix+"/", h.noRoute)
	return a.OpenAPI()
}

func (h *handlers) lists(a huma.API) {
	register(h, a, "list-traces", "/traces", "Search traces by their spans, newest match first", h.traces)
	register(h, a, "list-errors", "/errors", "List error groups with events in the time range", h.errorGroups)
	register(h, a, "list-builds", "/builds", "List build runs that lived in the time range", h.builds)
	register(h, a, "list-services", "/services", "List services that sent spans in the time range", h.services)
	register(h, a, "get-status", "/status", "Tell whether queryd can answer, and what came in lately", h.status)
}

func (h *handlers) details(a huma.API) {
	register(h, a, "get-trace", "/traces/{trace_id}", "Get a trace with all its spans", h.trace)
	register(h, a, "get-error", "/errors/{fingerprint}", "Get an error group with its newest events and builds", h.errorGroup)
	register(h, a, "get-build", "/builds/{id}", "Get a build run with tasks, tests, artifacts, deployments and errors", h.build)
	register(h, a, "get-lineage", "/lineage", "Follow one thing from its commit to the people who felt it", h.lineage)
}

// output is a JSON answer.
type output[T any] struct{ Body T }

// register adds a GET route whose handler gets the caller.
func register[I, O any](h *handlers, a huma.API, id, path, summary string, f func(context.Context, access.Caller, *I) (O, error)) {
	op := huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: Prefix + path, Summary: summary,
		Errors: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}
	huma.Register(a, op, func(ctx context.Context, in *I) (*output[O], error) {
		caller, err := access.From(ctx)
		if err != nil {
			return nil, h.problem(ctx, err)
		}
		out, err := f(ctx, caller, in)
		if err != nil {
			return nil, h.problem(ctx, err)
		}
		return &output[O]{Body: out}, nil
	})
}

func (h *handlers) noRoute(w http.ResponseWriter, r *http.Request) {
	status, detail := http.StatusNotFound, "there is no route "+r.URL.Path+"; "+Prefix+"/openapi.json describes those that are"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status, detail = http.StatusMethodNotAllowed, "routes under "+Prefix+" answer GET only"
		w.Header().Set("Allow", "GET, HEAD")
	}
	writeProblem(w, &Problem{Title: http.StatusText(status), Status: status, Detail: detail})
}

// ListInput is what every list takes.
type ListInput struct {
	From   string `query:"from" default:"now-1h" doc:"Start of the time range: RFC 3339, unix nanoseconds, now, or now-1h"`
	To     string `query:"to" default:"now" doc:"End of the time range, not included"`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"Items on a page"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

func (in *ListInput) window(now time.Time) (query.Window, error) {
	w := query.Window{Limit: in.Limit, Cursor: in.Cursor}
	var err error
	w.From, w.To, err = parseRange(in.From, in.To, now)
	return w, err
}

// OptionalRange is the time range of what is asked for by its id.
type OptionalRange struct {
	From string `query:"from" doc:"Start of the time range; with neither from nor to, the thing's own time"`
	To   string `query:"to" doc:"End of the time range, not included"`
}

// window gives zero times when neither end was named.
func (in *OptionalRange) window(now time.Time) (from, to time.Time, err error) {
	if in.From == "" && in.To == "" {
		return from, to, nil
	}
	return parseRange(in.From, in.To, now)
}

type tracesInput struct {
	ListInput
	Service      string   `query:"service"`
	Name         string   `query:"name" doc:"Name of a span"`
	Status       string   `query:"status" enum:"ok,error,unset" doc:"Status of a span"`
	MinDuration  int64    `query:"min_duration_ns" minimum:"0"`
	MaxDuration  int64    `query:"max_duration_ns" minimum:"0"`
	Attr         []string `query:"attr,explode" doc:"key=value of a span's or its resource's attribute; repeatable, all must hold"`
	CommitSHA    string   `query:"commit_sha"`
	BuildRunID   string   `query:"build_run_id"`
	DeploymentID string   `query:"deployment_id"`
	Environment  string   `query:"environment"`
}

func (h *handlers) traces(ctx context.Context, c access.Caller, in *tracesInput) (page query.Page[query.TraceItem], err error) {
	q := query.TraceQuery{
		Service: in.Service, Name: in.Name, Status: in.Status, Environment: in.Environment, CommitSHA: in.CommitSHA, BuildRunID: in.BuildRunID,
		DeploymentID: in.DeploymentID, MinDuration: in.MinDuration, MaxDuration: in.MaxDuration,
	}
	if q.Window, err = in.window(h.now()); err != nil {
		return page, err
	}
	if q.Attrs, err = parseAttrs(in.Attr); err != nil {
		return page, err
	}
	return h.service.SearchTraces(ctx, c, q)
}

type errorsInput struct {
	ListInput
	Service     string `query:"service"`
	Environment string `query:"environment"`
	BuildRunID  string `query:"build_run_id"`
	CommitSHA   string `query:"commit_sha"`
}

func (h *handlers) errorGroups(ctx context.Context, c access.Caller, in *errorsInput) (page query.Page[query.ErrorItem], err error) {
	q := query.ErrorQuery{Service: in.Service, Environment: in.Environment, BuildRunID: in.BuildRunID, CommitSHA: in.CommitSHA}
	if q.Window, err = in.window(h.now()); err != nil {
		return page, err
	}
	return h.service.Errors(ctx, c, q)
}

type buildsInput struct {
	ListInput
	Repo      string `query:"repo"`
	Pipeline  string `query:"pipeline"`
	Branch    string `query:"branch"`
	Status    string `query:"status" enum:"queued,waiting,running,success,failure,cancelled,skipped,timeout,unknown"`
	CommitSHA string `query:"commit_sha"`
}

func (h *handlers) builds(ctx context.Context, c access.Caller, in *buildsInput) (page query.Page[query.BuildRun], err error) {
	q := query.BuildQuery{Repo: in.Repo, Pipeline: in.Pipeline, Branch: in.Branch, Status: in.Status, CommitSHA: in.CommitSHA}
	if q.Window, err = in.window(h.now()); err != nil {
		return page, err
	}
	return h.service.Builds(ctx, c, q)
}

type servicesInput struct {
	From string `query:"from" default:"now-1h" doc:"Start of the time range: RFC 3339, unix nanoseconds, now, or now-1h"`
	To   string `query:"to" default:"now" doc:"End of the time range, not included"`
}

func (h *handlers) services(ctx context.Context, c access.Caller, in *servicesInput) (page query.Page[query.ServiceItem], err error) {
	var w query.Window
	if w.From, w.To, err = parseRange(in.From, in.To, h.now()); err != nil {
		return page, err
	}
	return h.service.Services(ctx, c, w)
}

func (h *handlers) status(ctx context.Context, c access.Caller, _ *struct{}) (query.Status, error) {
	return h.service.Status(ctx, c)
}

type traceInput struct {
	TraceID string `path:"trace_id" doc:"32 hex digits"`
	OptionalRange
}

func (h *handlers) trace(ctx context.Context, c access.Caller, in *traceInput) (query.Trace, error) {
	from, to, err := in.window(h.now())
	if err != nil {
		return query.Trace{}, err
	}
	return h.service.Trace(ctx, c, in.TraceID, from, to)
}

type errorInput struct {
	Fingerprint string `path:"fingerprint" doc:"v1: and 32 hex digits"`
	OptionalRange
	Service     string `query:"service"`
	Environment string `query:"environment"`
}

func (h *handlers) errorGroup(ctx context.Context, c access.Caller, in *errorInput) (g query.ErrorGroup, err error) {
	q := query.ErrorQuery{Service: in.Service, Environment: in.Environment}
	if q.From, q.To, err = in.window(h.now()); err != nil {
		return g, err
	}
	return h.service.Error(ctx, c, in.Fingerprint, q)
}

// BuildInput names a build.
type BuildInput struct {
	ID string `path:"id" doc:"provider:host:repo:run:attempt, percent-encoded" example:"github:github.com:acme/shop:4711:1"`
}

func (h *handlers) build(ctx context.Context, c access.Caller, in *BuildInput) (query.Build, error) {
	return h.service.Build(ctx, c, in.ID)
}

type lineageInput struct {
	Error      string `query:"error" doc:"A fingerprint. Exactly one of error, trace, build, deployment, commit and artifact is wanted"`
	Trace      string `query:"trace"`
	Build      string `query:"build"`
	Deployment string `query:"deployment"`
	Commit     string `query:"commit"`
	Artifact   string `query:"artifact" doc:"A digest, or an artifact's id"`
	OptionalRange
	Service     string `query:"service"`
	Environment string `query:"environment"`
}

func (h *handlers) lineage(ctx context.Context, c access.Caller, in *lineageInput) (l query.Lineage, err error) {
	q := query.LineageQuery{Service: in.Service, Environment: in.Environment}
	for i, id := range []string{in.Error, in.Trace, in.Build, in.Deployment, in.Commit, in.Artifact} {
		if id == "" {
			continue
		}
		if q.ID != "" {
			return l, errOneSubject(query.SubjectKinds[i])
		}
		q.Kind, q.ID = query.SubjectKinds[i], id
	}
	if q.ID == "" {
		return l, errOneSubject("error")
	}
	if q.From, q.To, err = in.window(h.now()); err != nil {
		return l, err
	}
	return h.service.Lineage(ctx, c, q)
}
