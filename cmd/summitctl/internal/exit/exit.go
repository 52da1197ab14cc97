// Package exit names the exit codes of summitctl and carries them in errors from the verbs to main.
package exit

import "errors"

// The exit codes, a contract with scripts.
const (
	OK        = 0
	Failed    = 1
	Usage     = 2
	NotFound  = 3
	Denied    = 4
	Assertion = 8
)

// Error is an error with an exit code. Hint, when not empty, says what to do next.
type Error struct {
	Code int
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// With gives err an exit code; nil stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Code is the exit code of an error: Failed when it carries none.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	}
	return Failed
}

// Hint is the advice that an error carries, or "".
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
