package querydextension

import (
	"context"
	"log/slog"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapHandler hands queryd's records to the collector's logger.
type zapHandler struct {
	log *zap.Logger
	// groups are those that were opened and have no field so far: without one they don't show.
	groups []string
}

func zapLevel(l slog.Level) zapcore.Level {
	switch {
	case l >= slog.LevelError:
		return zap.ErrorLevel
	case l >= slog.LevelWarn:
		return zap.WarnLevel
	case l >= slog.LevelInfo:
		return zap.InfoLevel
	}
	return zap.DebugLevel
}

// Enabled asks the collector's level.
func (h zapHandler) Enabled(_ context.Context, l slog.Level) bool {
	return h.log.Core().Enabled(zapLevel(l))
}

// Handle writes a record.
func (h zapHandler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = appendFields(fields, a)
		return true
	})
	if entry := h.log.Check(zapLevel(r.Level), r.Message); entry != nil {
		entry.Write(h.inGroups(fields)...)
	}
	return nil
}

// appendFields adds an attribute: a group by its fields, and nothing for one that is empty.
func appendFields(dst []zap.Field, a slog.Attr) []zap.Field {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		if a.Equal(slog.Attr{}) {
			return dst
		}
		return append(dst, zap.Any(a.Key, v.Any()))
	}
	var inner []zap.Field
	for _, member := range v.Group() {
		inner = appendFields(inner, member)
	}
	switch {
	case len(inner) == 0:
		return dst
	case a.Key == "":
		return append(dst, inner...)
	}
	return append(dst, zap.Dict(a.Key, inner...))
}

// inGroups puts fields under the groups that are open.
func (h zapHandler) inGroups(fields []zap.Field) []zap.Field {
	if len(fields) == 0 || len(h.groups) == 0 {
		return fields
	}
	out := make([]zap.Field, 0, len(h.groups)+len(fields))
	for _, g := range h.groups {
		out = append(out, zap.Namespace(g))
	}
	return append(out, fields...)
}

// WithAttrs adds fields to every record.
func (h zapHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var fields []zap.Field
	for _, a := range attrs {
		fields = appendFields(fields, a)
	}
	if len(fields) == 0 {
		return h
	}
	return zapHandler{log: h.log.With(h.inGroups(fields)...)}
}

// WithGroup puts later fields under a name.
func (h zapHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return zapHandler{log: h.log, groups: append(slices.Clip(h.groups), name)}
}
