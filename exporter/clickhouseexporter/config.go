package clickhouseexporter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
)

// dataDirEnv names the folder that the queue goes under when queue.path is not set.
const dataDirEnv = "SUMMIT_DATA_DIR"

// Config of the exporter. Exactly one of Store and Endpoint is set.
type Config struct {
	// Store is the id of the extension that has the store, for example summit_store.
	Store *component.ID `mapstructure:"store"`
	// Endpoint is the HTTP interface of a ClickHouse server: host:port or an http(s) URL.
	Endpoint string `mapstructure:"endpoint"`
	// Username and Password are for Endpoint.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// Migrate makes the database and brings its tables up to date when Endpoint is first reached. Default true.
	Migrate bool `mapstructure:"migrate"`

	Queue     QueueConfig     `mapstructure:"queue"`
	Limits    LimitsConfig    `mapstructure:"limits"`
	Retention RetentionConfig `mapstructure:"retention"`

	// ShutdownTimeout is how long a shutdown waits for the store to take what is queued; what is left is taken after the
	// next start. Default 10s.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// QueueConfig is about the durable queue in front of the store.
type QueueConfig struct {
	// Path is the queue's folder. Default ${SUMMIT_DATA_DIR}/queue/<component id>.
	Path string `mapstructure:"path"`
	// MaxBytes bounds what waits for the store, in bytes on disk; beyond it requests are refused. Default 4294967296.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxRequestBytes bounds one request, in bytes as encoded for the queue (about a fifth of its OTLP). Default 67108864.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
	// SealRowsTraces, SealRowsLogs and SealRowsMetrics are the rows of a signal at which a segment, that is one INSERT per
	// table, is closed. Default 500000, 250000, 500000.
	SealRowsTraces  int `mapstructure:"seal_rows_traces"`
	SealRowsLogs    int `mapstructure:"seal_rows_logs"`
	SealRowsMetrics int `mapstructure:"seal_rows_metrics"`
	// SealRawBytes is the same in uncompressed bytes. Default 200000000.
	SealRawBytes int64 `mapstructure:"seal_raw_bytes"`
	// SealAfter is the age at which a segment is closed when the store is done with those before it. Default 700ms.
	SealAfter time.Duration `mapstructure:"seal_after"`
	// SealAfterBusy is the age at which a segment is closed although the store is still busy. Default 5s.
	SealAfterBusy time.Duration `mapstructure:"seal_after_busy"`
	// ParallelSegments is the number of segments that are inserted at the same time. Default 1.
	ParallelSegments int `mapstructure:"parallel_segments"`
	// MaxQuarantineBytes bounds what is kept of segments that the store refused or the disk damaged. Default 1073741824.
	MaxQuarantineBytes int64 `mapstructure:"max_quarantine_bytes"`
}

// LimitsConfig bounds what a sender can do to the tables.
type LimitsConfig struct {
	// MaxAttributeValueBytes is the longest string or bytes value of an attribute; a longer one is cut, its key is listed in
	// summit.cut.keys, and it is counted. Default 65536.
	MaxAttributeValueBytes int `mapstructure:"max_attribute_value_bytes"`
	// MaxFuture is how far ahead of this machine's clock a timestamp may be. Default 24h.
	MaxFuture time.Duration `mapstructure:"max_future"`
	// MaxPast is how far back it may be. Default 0: the retention of its table.
	MaxPast time.Duration `mapstructure:"max_past"`
}

// RetentionConfig is the number of days that new rows are kept.
type RetentionConfig struct {
	TracesDays  int `mapstructure:"traces_days"`
	LogsDays    int `mapstructure:"logs_days"`
	MetricsDays int `mapstructure:"metrics_days"`
	ErrorsDays  int `mapstructure:"errors_days"`
	BuildsDays  int `mapstructure:"builds_days"`
}

var _ component.Config = (*Config)(nil)

// Validate names the key that is wrong and what it may be.
func (c *Config) Validate() error {
	switch {
	case c.Store == nil && c.Endpoint == "":
		return errors.New("one of store (an extension's id, for example summit_store) and endpoint (a ClickHouse HTTP address) must be set")
	case c.Store != nil && c.Endpoint != "":
		return errors.New("store and endpoint must not both be set")
	case c.Endpoint == "" && (c.Username != "" || c.Password != ""):
		return errors.New("username and password are for endpoint, which is not set")
	case c.ShutdownTimeout < 0:
		return fmt.Errorf("shutdown_timeout must not be negative, got %s", c.ShutdownTimeout)
	}
	return nil
}

// Validate names the key that is wrong and what it may be.
func (c *QueueConfig) Validate() error {
	for _, size := range []struct {
		key        string
		value, low int64
	}{
		{"max_bytes", c.MaxBytes, 1 << 20},
		{"max_request_bytes", int64(c.MaxRequestBytes), 1 << 10},
		{"seal_rows_traces", int64(c.SealRowsTraces), 1},
		{"seal_rows_logs", int64(c.SealRowsLogs), 1},
		{"seal_rows_metrics", int64(c.SealRowsMetrics), 1},
		{"seal_raw_bytes", c.SealRawBytes, 1 << 10},
		{"parallel_segments", int64(c.ParallelSegments), 1},
		{"max_quarantine_bytes", c.MaxQuarantineBytes, 1},
	} {
		if size.value < size.low {
			return fmt.Errorf("%s must be at least %d, got %d", size.key, size.low, size.value)
		}
	}
	for _, rows := range []int{c.SealRowsTraces, c.SealRowsLogs, c.SealRowsMetrics} {
		if rows > maxRowsPerInsert {
			return fmt.Errorf("seal_rows_* must be at most %d, above which the engine cuts an INSERT in two, got %d", maxRowsPerInsert, rows)
		}
	}
	if c.MaxRequestBytes > 1<<30 {
		return fmt.Errorf("max_request_bytes must be at most 1073741824, got %d", c.MaxRequestBytes)
	}
	if c.SealAfter <= 0 || c.SealAfterBusy < c.SealAfter {
		return fmt.Errorf("seal_after must be above 0 and at most seal_after_busy, got %s and %s", c.SealAfter, c.SealAfterBusy)
	}
	return nil
}

// Validate names the key that is wrong and what it may be.
func (c *LimitsConfig) Validate() error {
	if c.MaxAttributeValueBytes < 16 {
		return fmt.Errorf("max_attribute_value_bytes must be at least 16, got %d", c.MaxAttributeValueBytes)
	}
	if c.MaxFuture <= 0 {
		return fmt.Errorf("max_future must be above 0, got %s", c.MaxFuture)
	}
	if c.MaxPast < 0 {
		return fmt.Errorf("max_past must not be negative, got %s", c.MaxPast)
	}
	return nil
}

// Validate names the key that is wrong and what it may be.
func (c *RetentionConfig) Validate() error {
	for key, days := range map[string]int{
		"traces_days": c.TracesDays, "logs_days": c.LogsDays, "metrics_days": c.MetricsDays,
		"errors_days": c.ErrorsDays, "builds_days": c.BuildsDays,
	} {
		if days < 1 || days > 36500 {
			return fmt.Errorf("%s must be from 1 to 36500, got %d", key, days)
		}
	}
	return nil
}

// queuePath is the folder of the queue of the component id.
func (c *Config) queuePath(id component.ID) (string, error) {
	if c.Queue.Path != "" {
		return c.Queue.Path, nil
	}
	dir := os.Getenv(dataDirEnv)
	if dir == "" {
		return "", fmt.Errorf("queue.path must be set where the variable %s is not", dataDirEnv)
	}
	return filepath.Join(dir, "queue", strings.ReplaceAll(id.String(), "/", "_")), nil
}
