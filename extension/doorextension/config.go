package doorextension

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

// Limits of the door.
const (
	// DefaultEndpoint is on loopback: a door to the network needs authentication.
	DefaultEndpoint = "127.0.0.1:4320"
	// DefaultMaxBodyBytes is the largest delivery that GitHub sends.
	DefaultMaxBodyBytes = 25 << 20
)

// Config of the ingest door.
type Config struct {
	// Endpoint is the address to listen on. Default 127.0.0.1:4320.
	Endpoint string `mapstructure:"endpoint"`

	// MaxRequestBodySize is the largest body in bytes, after decompression. Default 26214400.
	MaxRequestBodySize int64 `mapstructure:"max_request_body_size"`

	// TLS is the certificate and key to serve with. Default none: plain HTTP.
	TLS configoptional.Optional[configtls.ServerConfig] `mapstructure:"tls"`

	// Auth names the authentication extension that is asked before any route. Default none.
	Auth configoptional.Optional[confighttp.AuthConfig] `mapstructure:"auth"`

	// ReadTimeout is the longest time to read a request, its body included. Default 1m.
	ReadTimeout time.Duration `mapstructure:"read_timeout"`

	// RoutesAuthenticate declares that every route behind the door checks its senders itself, for example by webhook
	// signatures and tokens; it allows an endpoint that isn't loopback without auth. Default false.
	RoutesAuthenticate bool `mapstructure:"routes_authenticate"`
}

// Validate refuses an open door on the network.
func (cfg *Config) Validate() error {
	if cfg.Endpoint == "" {
		return fmt.Errorf("endpoint must be set, for example %q", DefaultEndpoint)
	}
	if cfg.MaxRequestBodySize < 1 {
		return fmt.Errorf("max_request_body_size must be at least 1 byte, got %d", cfg.MaxRequestBodySize)
	}
	if cfg.ReadTimeout <= 0 {
		return fmt.Errorf("read_timeout must be more than 0, got %s", cfg.ReadTimeout)
	}
	loopback, err := isLoopback(cfg.Endpoint)
	if err != nil {
		return err
	}
	if !loopback && !cfg.Auth.HasValue() && !cfg.RoutesAuthenticate {
		return fmt.Errorf("endpoint %q can be reached from the network and nothing checks who sends: set auth.authenticator to an "+
			"authentication extension, or routes_authenticate: true when every receiver behind this door checks signatures or tokens itself, "+
			"or listen on %s", cfg.Endpoint, DefaultEndpoint)
	}
	return nil
}

// server gives the settings of the collector's HTTP server.
func (cfg *Config) server() confighttp.ServerConfig {
	s := confighttp.NewDefaultServerConfig()
	s.NetAddr.Endpoint = cfg.Endpoint
	s.MaxRequestBodySize = cfg.MaxRequestBodySize
	s.TLS = cfg.TLS
	s.Auth = cfg.Auth
	s.ReadTimeout = cfg.ReadTimeout
	return s
}

// isLoopback takes an address apart. A host name other than localhost may lead anywhere.
func isLoopback(endpoint string) (bool, error) {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false, errors.New("endpoint must be host:port, got " + endpoint)
	}
	if strings.EqualFold(host, "localhost") {
		return true, nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), nil
}
