package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
)

// Problem is an error as RFC 9457 has it, with the field that was wrong and what it may be.
type Problem struct {
	Type    string   `json:"type,omitempty" doc:"about:blank"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Field   string   `json:"field,omitempty" doc:"The parameter that was wrong"`
	Allowed []string `json:"allowed,omitempty" doc:"What the parameter may be"`
}

var _ huma.StatusError = (*Problem)(nil)

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes a problem document of a JSON answer.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// huma makes all its own errors, those of parameters too, by this variable; there is no other way to give them a form.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := &Problem{Type: "about:blank", Status: status, Detail: msg}
		if status == http.StatusUnprocessableEntity { // what a parameter's own rules refuse is a bad request
			p.Status = http.StatusBadRequest
		}
		p.Title = http.StatusText(p.Status)
		for _, err := range errs {
			var d huma.ErrorDetailer
			if errors.As(err, &d) {
				p.fromDetail(d.ErrorDetail())
				break
			}
		}
		return p
	}
}

const oneOf = "expected value to be one of "

func (p *Problem) fromDetail(d *huma.ErrorDetail) {
	_, field, found := strings.Cut(d.Location, ".")
	if !found {
		field = d.Location
	}
	p.Field, p.Detail = field, field+": "+d.Message
	if list, ok := strings.CutPrefix(d.Message, oneOf); ok {
		p.Allowed = strings.Split(strings.Trim(list, `"`), ", ")
	}
}

// statusClientGone is logged by proxies for a client that went away.
const statusClientGone = 499

func (h *handlers) problem(ctx context.Context, err error) error {
	var p *runner.Problem
	out := &Problem{Type: "about:blank"}
	switch {
	case errors.As(err, &p):
		out.Status, out.Detail, out.Field, out.Allowed = statusOf(p.Kind), p.Detail, p.Field, p.Allowed
		if p.Err != nil && p.Kind != runner.Invalid {
			h.logger.WarnContext(ctx, "query refused", "error", err)
		}
	case errors.Is(err, access.ErrNoCaller):
		out.Status, out.Detail = http.StatusUnauthorized, "this request names nobody"
	case errors.Is(err, context.Canceled):
		out.Status, out.Detail = statusClientGone, "the client has gone"
	default:
		out.Status, out.Detail = http.StatusInternalServerError, "the query failed; the server's log says why"
		h.logger.ErrorContext(ctx, "query failed", "error", err)
	}
	if out.Title = http.StatusText(out.Status); out.Title == "" {
		out.Title = "Client Closed Request"
	}
	return out
}

func statusOf(k runner.Kind) int {
	switch k {
	case runner.Invalid:
		return http.StatusBadRequest
	case runner.NotFound:
		return http.StatusNotFound
	case runner.Forbidden:
		return http.StatusForbidden
	case runner.TooExpensive:
		return http.StatusUnprocessableEntity
	}
	return http.StatusServiceUnavailable
}

func errOneSubject(field string) error {
	return &runner.Problem{
		Kind: runner.Invalid, Field: field, Detail: "name exactly one of " + strings.Join(query.SubjectKinds, ", "), Allowed: query.SubjectKinds,
	}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	p.Type = "about:blank"
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone when this fails
}
