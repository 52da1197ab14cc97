package querydextension

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapHandler hands queryd's records to the collector's logger.
type zapHandler struct{ log *zap.Logger }

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
		fields = append(fields, field(a))
		return true
	})
	if entry := h.log.Check(zapLevel(r.Level), r.Message); entry != nil {
		entry.Write(fields...)
	}
	return nil
}

func field(a slog.Attr) zap.Field { return zap.Any(a.Key, a.Value.Resolve().Any()) }

// WithAttrs adds fields to every record.
func (h zapHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zap.Field, len(attrs))
	for i, a := range attrs {
		fields[i] = field(a)
	}
	return zapHandler{h.log.With(fields...)}
}

// WithGroup puts later fields under a name.
func (h zapHandler) WithGroup(name string) slog.Handler {
	return zapHandler{h.log.With(zap.Namespace(name))}
}
