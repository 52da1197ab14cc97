package chdb

import (
	"regexp"
	"strconv"
	"strings"
)

// Error is an exception of the engine.
type Error struct {
	// Code is ClickHouse's error code, 0 where the text names none.
	Code int
	// Name is the symbolic name, for example "UNKNOWN_TABLE".
	Name string
	// Message is the engine's whole text.
	Message string
}

// Error gives the engine's text.
func (e *Error) Error() string { return e.Message }

// ErrorCode gives Code, for callers that know errors of the network as well.
func (e *Error) ErrorCode() int { return e.Code }

var (
	codeText = regexp.MustCompile(`Code: (\d+)\. `)
	nameText = regexp.MustCompile(`\(([A-Z][A-Z0-9_]+)\)`)
)

// newError reads code and name out of the engine's text.
func newError(text string) *Error {
	e := &Error{Message: strings.TrimSpace(text)}
	if m := codeText.FindStringSubmatchIndex(e.Message); m != nil {
		e.Code, _ = strconv.Atoi(e.Message[m[2]:m[3]])
		e.Message = e.Message[m[0]:]
	}
	if names := nameText.FindAllStringSubmatch(e.Message, -1); names != nil {
		e.Name = names[len(names)-1][1]
	}
	return e
}
