// Package wire is what the doors of all CI systems share: deliveries and who reads them, tolerant times and JSON, and
// answers that name what is wrong. Package cireceiver gives deliveries to the providers and their events to the pipelines.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/consumer/consumererror"
)

// Problem is an answer of RFC 9457, and the error that it is made from.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Field names what is wrong, as a path in the JSON of the request.
	Field   string   `json:"field,omitempty"`
	Allowed []string `json:"allowed,omitempty"`

	// Reason is the word in our counter.
	Reason string `json:"-"`
	// RetryAfter is in seconds.
	RetryAfter string `json:"-"`
}

func (p *Problem) Error() string {
	if p.Field != "" {
		return p.Field + ": " + p.Detail
	}
	return p.Detail
}

// NewProblem refuses a request; reason is the word in our counter.
func NewProblem(status int, reason, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Reason: reason}
}

// WrongField refuses a request for one of its fields; allowed may be empty.
func WrongField(field, detail string, allowed ...string) *Problem {
	p := NewProblem(http.StatusBadRequest, "field", detail)
	p.Field, p.Allowed = field, allowed
	return p
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.RetryAfter != "" {
		w.Header().Set("Retry-After", p.RetryAfter)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	// The client is gone when this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// ReadBody reads all of the body; the door has set its limit.
func ReadBody(r *http.Request) ([]byte, *Problem) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, NewProblem(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit))
	case err != nil:
		return nil, NewProblem(http.StatusBadRequest, "read", "the body could not be read: "+err.Error())
	default:
		return body, nil
	}
}

var unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)

// Decode reads JSON into v; strict refuses fields that v doesn't have.
func Decode(body []byte, v any, strict bool) *Problem {
	if !utf8.Valid(body) {
		return NewProblem(http.StatusBadRequest, "utf8", "the body isn't valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return NewProblem(http.StatusBadRequest, "json", "the body holds more than one JSON value")
		}
		return nil
	}
	return DecodeProblem(err)
}

func DecodeProblem(err error) *Problem {
	var (
		p      *Problem
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return NewProblem(http.StatusBadRequest, "json", fmt.Sprintf("the body isn't valid JSON at byte %d: %s", syntax.Offset, syntax))
	case errors.As(err, &typ):
		return WrongField(typ.Field, fmt.Sprintf("is a JSON %s, want %s", typ.Value, jsonName(typ.Type.String())))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return NewProblem(http.StatusBadRequest, "json", "the body ends before its JSON does")
	default:
		if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
			return WrongField(m[1], "is no field of this event")
		}
		return NewProblem(http.StatusBadRequest, "json", "the body can't be read: "+err.Error())
	}
}

// jsonName tells a Go type in the words of JSON.
func jsonName(t string) string {
	switch {
	case strings.HasPrefix(t, "[]"):
		return "an array"
	case strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "int"), strings.HasPrefix(t, "float"):
		return "a number (" + t + ")"
	case t == "bool", t == "string":
		return "a " + t
	default:
		return "an object"
	}
}

// DownstreamProblem tells the sender whether to deliver again.
func DownstreamProblem(err error) *Problem {
	if consumererror.IsPermanent(err) {
		return NewProblem(http.StatusInternalServerError, "refused_downstream", "the event can't be stored: "+err.Error())
	}
	p := NewProblem(http.StatusServiceUnavailable, "retry_downstream", "the event could not be stored now: "+err.Error())
	p.RetryAfter = "5"
	return p
}
