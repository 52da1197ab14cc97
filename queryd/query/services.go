package query

import (
	"context"
	"errors"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// ServiceItem is a service that sent spans in the time range.
type ServiceItem struct {
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Spans       uint64     `json:"spans" doc:"Weighted by sampling"`
	Errors      uint64     `json:"errors"`
	LastSeen    *time.Time `json:"last_seen" doc:"To the minute"`
}

// Services lists what sent spans, by name, whole minutes at both ends.
func (s *Service) Services(ctx context.Context, c access.Caller, w Window) (Page[ServiceItem], error) {
	page := Page[ServiceItem]{Items: []ServiceItem{}}
	if _, err := w.resume("services", 0); err != nil {
		return page, err
	}
	sel := sb.Select(c.Scope(w.From, w.To), sb.REDMinutes, sb.Fn("toString", sb.Col("service_name")).As("service"), sb.Fn("toString", sb.Col("environment")).As("env"),
		sb.Fn("sum", sb.Col("calls")), sb.Fn("sum", sb.Col("errors")), sb.Fn("max", sb.Col("minute"))).
		GroupBy(sb.Ref("service"), sb.Ref("env")).OrderBy(sb.Asc(sb.Ref("service")), sb.Asc(sb.Ref("env"))).Limit(MaxLimit + 1)
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var it ServiceItem
		var spans, failed float64
		var last time.Time
		err := r.Scan(&it.Service, &it.Environment, &spans, &failed, &last)
		it.Spans, it.Errors, it.LastSeen = uint64(spans), uint64(failed), known(last)
		page.Items = append(page.Items, it)
		return err
	})
	if len(page.Items) > MaxLimit {
		page.Items, page.Partial = page.Items[:MaxLimit], true
	}
	return page, err
}

// Status tells whether queryd can answer, and what came in lately.
type Status struct {
	Version string         `json:"version"`
	Tenant  string         `json:"tenant"`
	Ready   bool           `json:"ready"`
	Store   StoreStatus    `json:"store"`
	Signals []SignalStatus `json:"signals" nullable:"false" doc:"The last 24 hours"`
}

// StoreStatus tells which store answers.
type StoreStatus struct {
	Kind    string `json:"kind" enum:"embedded,server"`
	Version string `json:"version"`
	Detail  string `json:"detail" doc:"What is wrong, empty when nothing is"`
}

// SignalStatus counts what came of a signal.
type SignalStatus struct {
	Signal string     `json:"signal" enum:"traces,logs,metrics,builds,deployments,errors"`
	Items  uint64     `json:"items"`
	LastAt *time.Time `json:"last_at"`
}

// Status asks the store for each signal. A store that doesn't answer is a status, not an error.
func (s *Service) Status(ctx context.Context, c access.Caller) (Status, error) {
	st := Status{
		Version: s.version, Tenant: c.Tenant.String(), Ready: true, Signals: []SignalStatus{},
		Store: StoreStatus{Kind: string(s.Store().Kind()), Version: s.Store().Version()},
	}
	now := s.now().UTC()
	scope := c.Scope(now.Add(-24*time.Hour), now.Add(time.Minute))
	for _, sig := range []struct {
		name  string
		table *sb.Table
		items sb.Expr
		last  string
		conds []sb.Expr
	}{
		{"traces", sb.REDMinutes, sb.Fn("sum", sb.Col("calls")), "minute", nil},
		{"logs", sb.LogMinutes, sb.Fn("sum", sb.Col("records")), "minute", nil},
		{"metrics", sb.Samples, sb.Fn("count"), "timestamp", nil},
		{"builds", sb.Builds, sb.Fn("count"), "updated_at", []sb.Expr{sb.Eq(sb.Col("entity"), sb.Val("run"))}},
		{"deployments", sb.Deploys, sb.Fn("count"), "updated_at", nil},
		{"errors", sb.ErrorHours, sb.Fn("sum", sb.Col("events")), "hour", nil},
	} {
		out := SignalStatus{Signal: sig.name}
		sel := sb.Select(scope, sig.table, sb.Fn("toFloat64", sig.items), sb.Fn("max", sb.Col(sig.last))).Where(sig.conds...)
		err := s.Each(ctx, sel, func(r driver.Rows) error {
			var n float64
			var last time.Time
			err := r.Scan(&n, &last)
			out.Items, out.LastAt = uint64(n), known(last)
			return err
		})
		var p *runner.Problem
		switch {
		case err == nil, errors.As(err, &p) && p.Kind == runner.Forbidden: // the caller may not count these
		case ctx.Err() != nil:
			return st, err
		case p != nil: // its cause names the store's address and the statement
			st.Ready, st.Store.Detail = false, p.Detail
			return st, nil
		default:
			st.Ready, st.Store.Detail = false, err.Error()
			return st, nil
		}
		st.Signals = append(st.Signals, out)
	}
	return st, nil
}
