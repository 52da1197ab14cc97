package querydextension

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// jsonLog is a collector's log that writes JSON into b.
func jsonLog(b *bytes.Buffer, level zapcore.Level) *slog.Logger {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		MessageKey: slog.MessageKey, LevelKey: slog.LevelKey, TimeKey: slog.TimeKey, EncodeTime: zapcore.RFC3339NanoTimeEncoder,
		EncodeLevel: zapcore.CapitalLevelEncoder, EncodeDuration: zapcore.StringDurationEncoder,
	})
	return slog.New(zapHandler{log: zap.New(zapcore.NewCore(enc, zapcore.AddSync(b), level))})
}

// The handler keeps the contract of slog's handlers. The collector's logger has a clock of its own, so a record without a time
// has one there.
func TestHandlerKeepsItsContract(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		if strings.HasSuffix(t.Name(), "/zero-time") {
			t.Skip("the collector's log tells its own time")
		}
		b.Reset()
		return jsonLog(&b, zap.DebugLevel).Handler()
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		require.NoError(t, json.Unmarshal(b.Bytes(), &m), b.String())
		return m
	})
}

func TestLevelsAreTheCollectors(t *testing.T) {
	for _, tc := range []struct {
		level slog.Level
		want  string
	}{
		{slog.LevelDebug - 4, "DEBUG"}, {slog.LevelDebug, "DEBUG"}, {slog.LevelInfo, "INFO"}, {slog.LevelInfo + 1, "INFO"}, {slog.LevelWarn, "WARN"},
		{slog.LevelWarn + 3, "WARN"}, {slog.LevelError, "ERROR"}, {slog.LevelError + 8, "ERROR"},
	} {
		var b bytes.Buffer
		jsonLog(&b, zap.DebugLevel).Log(t.Context(), tc.level, "x")
		require.Contains(t, b.String(), `"level":"`+tc.want+`"`, tc.level)
	}
}

func TestWhatTheCollectorDoesNotWantIsNotMade(t *testing.T) {
	var b bytes.Buffer
	log := jsonLog(&b, zap.WarnLevel)
	require.False(t, log.Enabled(t.Context(), slog.LevelInfo))
	require.True(t, log.Enabled(t.Context(), slog.LevelWarn))
	made := false
	log.Info("x", "k", slogValue(func() slog.Value { made = true; return slog.IntValue(1) }))
	require.False(t, made)
	require.Empty(t, b.String())
}

type slogValue func() slog.Value

func (v slogValue) LogValue() slog.Value { return v() }

func TestValuesKeepTheirTypes(t *testing.T) {
	var b bytes.Buffer
	jsonLog(&b, zap.DebugLevel).Info("x", "int", 3, "bool", true, "float", 0.5, "took", time.Second, "list", []string{"a"},
		"lazy", slogValue(func() slog.Value { return slog.StringValue("v") }), slog.Group("g", "k", 1, slog.Group("h", "l", "m")))
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &m))
	delete(m, slog.TimeKey)
	require.Equal(t, map[string]any{
		"msg": "x", "level": "INFO", "int": 3.0, "bool": true, "float": 0.5, "took": "1s", "list": []any{"a"}, "lazy": "v",
		"g": map[string]any{"k": 1.0, "h": map[string]any{"l": "m"}},
	}, m)
}
