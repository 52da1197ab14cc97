package testreportreceiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/summitobs/summit/internal/testreport"
)

// problem is an answer of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Field names the parameter that is wrong.
	Field   string   `json:"field,omitempty"`
	Allowed []string `json:"allowed,omitempty"`

	// reason is the word in our counter.
	reason string
}

// retrySeconds is when a sender may come again.
const retrySeconds = 5

func newProblem(status int, reason, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, reason: reason}
}

func wrongField(field, detail string, allowed ...string) *problem {
	p := newProblem(http.StatusBadRequest, "field", detail)
	p.Field, p.Allowed = field, allowed
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	// The client is gone when this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// unreadable tells why a body is no report.
func unreadable(err error) *problem {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "too_large",
			fmt.Sprintf("the body is larger than %d bytes; `summitctl ci report` reads reports of any size and sends their cases", tooLarge.Limit))
	case errors.Is(err, testreport.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "too_large", err.Error())
	case errors.Is(err, testreport.ErrUnknown):
		p := wrongField("format", err.Error(), formats()...)
		p.reason = "format"
		return p
	default:
		return newProblem(http.StatusBadRequest, "malformed", err.Error())
	}
}

func formats() []string {
	out := make([]string, len(testreport.Formats))
	for i, f := range testreport.Formats {
		out[i] = string(f)
	}
	return out
}

// notStored tells the sender whether to send again.
func notStored(err error) *problem {
	if consumererror.IsPermanent(err) {
		return newProblem(http.StatusInternalServerError, "refused_downstream", "the report can't be stored: "+err.Error())
	}
	return newProblem(http.StatusServiceUnavailable, "retry_downstream", "the report could not be stored now: "+err.Error())
}
