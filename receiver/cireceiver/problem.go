package cireceiver

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

// problem is an answer of RFC 9457, and the error that it is made from.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Field names what is wrong, as a path in the JSON of the request.
	Field   string   `json:"field,omitempty"`
	Allowed []string `json:"allowed,omitempty"`

	// reason is the word in our counter.
	reason string
	// retryAfter is in seconds.
	retryAfter string
}

func (p *problem) Error() string {
	if p.Field != "" {
		return p.Field + ": " + p.Detail
	}
	return p.Detail
}

func newProblem(status int, reason, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, reason: reason}
}

// wrongField refuses a request for one of its fields; allowed may be empty.
func wrongField(field, detail string, allowed ...string) *problem {
	p := newProblem(http.StatusBadRequest, "field", detail)
	p.Field, p.Allowed = field, allowed
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.retryAfter != "" {
		w.Header().Set("Retry-After", p.retryAfter)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	// The client is gone when this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// readBody reads all of the body; the door has set its limit.
func readBody(r *http.Request) ([]byte, *problem) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newProblem(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit))
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "read", "the body could not be read: "+err.Error())
	default:
		return body, nil
	}
}

var unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)

// decode reads JSON into v; strict refuses fields that v doesn't have.
func decode(body []byte, v any, strict bool) *problem {
	if !utf8.Valid(body) {
		return newProblem(http.StatusBadRequest, "utf8", "the body isn't valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return newProblem(http.StatusBadRequest, "json", "the body holds more than one JSON value")
		}
		return nil
	}
	return decodeProblem(err)
}

func decodeProblem(err error) *problem {
	var (
		p      *problem
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return newProblem(http.StatusBadRequest, "json", fmt.Sprintf("the body isn't valid JSON at byte %d: %s", syntax.Offset, syntax))
	case errors.As(err, &typ):
		return wrongField(typ.Field, fmt.Sprintf("is a JSON %s, want %s", typ.Value, jsonName(typ.Type.String())))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, "json", "the body ends before its JSON does")
	default:
		if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
			return wrongField(m[1], "is no field of this event")
		}
		return newProblem(http.StatusBadRequest, "json", "the body can't be read: "+err.Error())
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

// downstreamProblem tells the sender whether to deliver again.
func downstreamProblem(err error) *problem {
	if consumererror.IsPermanent(err) {
		return newProblem(http.StatusInternalServerError, "refused_downstream", "the event can't be stored: "+err.Error())
	}
	p := newProblem(http.StatusServiceUnavailable, "retry_downstream", "the event could not be stored now: "+err.Error())
	p.retryAfter = "5"
	return p
}
