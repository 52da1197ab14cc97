package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// API answers the Prometheus routes.
type API struct {
	runner *runner.Runner
	engine *promql.Engine
	parser parser.Parser
	now    func() time.Time
	logger *slog.Logger
}

// New makes the API over a runner; its query timeout is the engine's too.
func New(r *runner.Runner, logger *slog.Logger) *API {
	p := parser.NewParser(parser.Options{})
	opts := engineOptions(r.Limits().Timeout)
	opts.Parser, opts.Logger = p, logger
	return &API{runner: r, engine: promql.NewEngine(opts), parser: p, now: time.Now, logger: logger}
}

// Close stops the engine.
func (a *API) Close() error { return a.engine.Close() }

// Register adds the routes under a prefix, for example "/prometheus".
func (a *API) Register(mux *http.ServeMux, prefix string) {
	for _, method := range []string{"GET ", "POST "} {
		route := method + prefix + "/api/v1/"
		mux.HandleFunc(route+"query", a.handle(a.query))
		mux.HandleFunc(route+"query_range", a.handle(a.queryRange))
		mux.HandleFunc(route+"labels", a.handle(a.labelNames))
		mux.HandleFunc(route+"series", a.handle(a.series))
	}
	route := "GET " + prefix + "/api/v1/"
	mux.HandleFunc(route+"label/{name}/values", a.handle(a.labelValues))
	mux.HandleFunc(route+"metadata", a.handle(a.metadata))
	mux.HandleFunc(route+"status/buildinfo", a.handle(a.buildInfo))
	mux.HandleFunc(prefix+"/api/v1/", a.handle(func(r *http.Request) (result, error) {
		return result{}, &apiError{kind: "not_found", status: http.StatusNotFound, err: fmt.Errorf("no such route: %s", r.URL.Path)}
	}))
}

// result is what a handler gives.
type result struct {
	data  any
	notes annotations.Annotations
	query string
}

// apiError is an error with Prometheus' word for its kind.
type apiError struct {
	kind   string
	status int
	err    error
}

func (e *apiError) Error() string { return e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }

func badData(err error) error {
	return &apiError{kind: "bad_data", status: http.StatusBadRequest, err: err}
}

func invalidParam(name string, err error) error {
	return badData(fmt.Errorf("invalid parameter %q: %w", name, err))
}

// response is the JSON envelope of the Prometheus API.
type response struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

func (a *API) handle(f func(*http.Request) (result, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			a.write(w, http.StatusBadRequest, response{Status: "error", ErrorType: "bad_data", Error: fmt.Sprintf("error parsing form values: %s", err)})
			return
		}
		res, err := f(r)
		if err != nil {
			status, kind := classify(err)
			a.write(w, status, response{Status: "error", ErrorType: kind, Error: a.text(err)})
			return
		}
		warnings, infos := res.notes.AsStrings(res.query, 10, 10)
		a.write(w, http.StatusOK, response{Status: "success", Data: res.data, Warnings: warnings, Infos: infos})
	}
}

// text is what the caller is told. What the store said, with its address and the statement, is for the log.
func (a *API) text(err error) string {
	var problem *runner.Problem
	if !errors.As(err, &problem) {
		return err.Error()
	}
	if problem.Err != nil {
		a.logger.Warn("query refused", "error", err)
	}
	return problem.Detail
}

func (a *API) write(w http.ResponseWriter, status int, body response) {
	b, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
		b = []byte(`{"status":"error","errorType":"internal","error":"the result has no JSON form"}`)
		a.logger.Error("encode a query result", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(b); err != nil {
		a.logger.Debug("send a query result", "error", err)
	}
}

// statusClientClosed is what Prometheus answers when the client has gone.
const statusClientClosed = 499

func classify(err error) (status int, kind string) {
	var api *apiError
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var storage promql.ErrStorage
	var problem *runner.Problem
	switch {
	case errors.As(err, &api):
		return api.status, api.kind
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return statusClientClosed, "canceled"
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "timeout"
	case errors.As(err, &problem) && problem.Kind == runner.TooExpensive:
		return http.StatusUnprocessableEntity, "execution"
	case errors.As(err, &problem) && problem.Kind == runner.Unavailable:
		return http.StatusServiceUnavailable, "unavailable"
	case errors.As(err, &problem) && problem.Kind == runner.Forbidden:
		return http.StatusForbidden, "forbidden"
	case errors.As(err, &storage):
		return http.StatusInternalServerError, "internal"
	}
	return http.StatusUnprocessableEntity, "execution"
}

func (a *API) query(r *http.Request) (result, error) {
	ts, err := a.timeParam(r, "time", a.now())
	if err != nil {
		return result{}, err
	}
	return a.exec(r, func(ctx context.Context, q *Queryable, opts promql.QueryOpts, expr string) (promql.Query, error) {
		return a.engine.NewInstantQuery(ctx, q, opts, expr, ts)
	})
}

func (a *API) queryRange(r *http.Request) (result, error) {
	start, err := a.timeParam(r, "start", time.Time{})
	if err != nil {
		return result{}, err
	}
	end, err := a.timeParam(r, "end", time.Time{})
	if err != nil {
		return result{}, err
	}
	if end.Before(start) {
		return result{}, invalidParam("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(r.FormValue("step"))
	if err != nil {
		return result{}, invalidParam("step", err)
	}
	if step <= 0 {
		return result{}, invalidParam("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if step < time.Millisecond { // the engine counts in milliseconds
		return result{}, invalidParam("step", errors.New("a step must be at least 1ms"))
	}
	if end.Sub(start)/step > 11_000 {
		return result{}, badData(errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"))
	}
	return a.exec(r, func(ctx context.Context, q *Queryable, opts promql.QueryOpts, expr string) (promql.Query, error) {
		return a.engine.NewRangeQuery(ctx, q, opts, expr, start, end, step)
	})
}

type newQuery func(ctx context.Context, q *Queryable, opts promql.QueryOpts, expr string) (promql.Query, error)

func (a *API) exec(r *http.Request, make newQuery) (result, error) {
	ctx := r.Context()
	caller, err := access.From(ctx)
	if err != nil {
		return result{}, err
	}
	limit, err := intParam(r, "limit")
	if err != nil {
		return result{}, err
	}
	if to := r.FormValue("timeout"); to != "" {
		timeout, err := parseDuration(to)
		if err != nil {
			return result{}, invalidParam("timeout", err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var lookback time.Duration
	if s := r.FormValue("lookback_delta"); s != "" {
		if lookback, err = parseDuration(s); err != nil {
			return result{}, invalidParam("lookback_delta", err)
		}
	}
	expr := r.FormValue("query")
	qry, err := make(ctx, NewQueryable(a.runner, caller), promql.NewPrometheusQueryOpts(false, lookback), expr)
	if err != nil {
		return result{}, invalidParam("query", err)
	}
	defer qry.Close()
	res := qry.Exec(ctx)
	if res.Err != nil {
		return result{}, res.Err
	}
	v, cut := truncate(res.Value, limit)
	if cut {
		res.Warnings = res.Warnings.Add(errors.New("results truncated due to limit"))
	}
	// The samples live in the query, which is closed when this returns.
	data, err := encode(v)
	if err != nil {
		return result{}, fmt.Errorf("encode the result: %w", err)
	}
	return result{data: json.RawMessage(data), notes: res.Warnings, query: expr}, nil
}

func truncate(v parser.Value, limit int) (parser.Value, bool) {
	switch x := v.(type) {
	case promql.Matrix:
		if limit > 0 && len(x) > limit {
			return x[:limit], true
		}
	case promql.Vector:
		if limit > 0 && len(x) > limit {
			return x[:limit], true
		}
	}
	return v, false
}

func (a *API) timeParam(r *http.Request, name string, fallback time.Time) (time.Time, error) {
	s := r.FormValue(name)
	if s == "" && !fallback.IsZero() {
		return fallback, nil
	}
	t, err := parseTime(s)
	if err != nil {
		return time.Time{}, invalidParam(name, err)
	}
	return t, nil
}

// Bounds of time that clients send for "as far as there is anything".
var (
	minTime = time.Unix(0, 0).UTC()
	maxTime = time.Unix(1<<32-1, 0).UTC()
)

func parseTime(s string) (time.Time, error) {
	if t, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(t) && !math.IsInf(t, 0) {
		sec, frac := math.Modf(t)
		frac = math.Round(frac*1000) / 1000
		return clampTime(time.Unix(int64(min(max(sec, -1e12), 1e12)), int64(frac*float64(time.Second))).UTC()), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return clampTime(t), nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
}

func clampTime(t time.Time) time.Time {
	if t.Before(minTime) {
		return minTime
	}
	if t.After(maxTime) {
		return maxTime
	}
	return t
}

func parseDuration(s string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		ns := f * float64(time.Second)
		if ns > math.MaxInt64 || ns < math.MinInt64 || math.IsNaN(ns) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", s)
		}
		return time.Duration(ns), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", s)
}

func intParam(r *http.Request, name string) (int, error) {
	s := r.FormValue(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, invalidParam(name, err)
	}
	if n < 0 {
		return 0, invalidParam(name, errors.New("limit must be non-negative"))
	}
	return n, nil
}

func (a *API) matchers(r *http.Request) ([][]*labels.Matcher, error) {
	sets, err := a.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return nil, invalidParam("match[]", err)
	}
	for i, set := range sets {
		if allEmpty(set) {
			return nil, invalidParam("match[]", fmt.Errorf("match[] number %d must contain at least one non-empty matcher", i+1))
		}
	}
	return sets, nil
}

func allEmpty(set []*labels.Matcher) bool {
	for _, m := range set {
		if !m.Matches("") {
			return false
		}
	}
	return true
}
