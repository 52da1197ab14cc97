package build

import "context"

type originKey struct{}

// WithChecked marks a call into the pipelines whose build events a receiver of this process has made, after it checked who
// sent them. Attributes could be forged by any sender of OTLP; a context can't.
func WithChecked(ctx context.Context) context.Context {
	return context.WithValue(ctx, originKey{}, true)
}

// Checked tells whether the build events of this call come from a receiver that checked their sender.
func Checked(ctx context.Context) bool { return ctx.Value(originKey{}) != nil }
