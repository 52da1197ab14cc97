package buildgraphexporter

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Config of the build graph's exporter.
type Config struct {
	// URI is the Neo4j server's, for example neo4j+s://graph.example.com:7687 or bolt://127.0.0.1:7687. Required.
	URI string `mapstructure:"uri"`
	// Username and Password; without a user the server is asked without authentication.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// Database is the database's name. Default neo4j.
	Database string `mapstructure:"database"`
	// Batch is how many rows a statement writes. Default 2000.
	Batch int `mapstructure:"batch"`

	// TimeoutConfig bounds one attempt to write a request. Default 30s.
	TimeoutConfig exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// QueueConfig is the collector's sending_queue; with a storage extension it outlasts a restart.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// RetryConfig is the collector's retry_on_failure.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`
}

var schemes = []string{"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"}

// Validate names the option that is wrong.
func (cfg *Config) Validate() error {
	if cfg.URI == "" {
		return errors.New("uri must name a Neo4j server, for example bolt://127.0.0.1:7687")
	}
	u, err := url.Parse(cfg.URI)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("uri must be one of %s with a host, got %q", strings.Join(schemes, "://, ")+"://", cfg.URI)
	}
	if cfg.Username == "" && cfg.Password != "" {
		return errors.New("password is for username, which is not set")
	}
	if cfg.Batch < 1 || cfg.Batch > 50_000 {
		return fmt.Errorf("batch must be from 1 to 50000, got %d", cfg.Batch)
	}
	return nil
}
