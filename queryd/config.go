// Package queryd answers questions: it serves the REST and Prometheus APIs and the web application over one store. It is
// a library; cmd/queryd runs it as a daemon, extension/querydextension inside the collector.
package queryd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/queryd/runner"
)

// DefaultListen is on loopback: a listener on the network needs authentication.
const DefaultListen = "127.0.0.1:8640"

// Config configures a Server.
type Config struct {
	// Listen is the address to serve on. Default 127.0.0.1:8640.
	Listen string
	// TokenFile holds the token that every request must bring, as a bearer token or as the password of basic
	// authentication. Without it queryd listens on loopback only. Default none.
	TokenFile string
	// Tenant is whose data is shown. Default tenant.Default.
	Tenant tenant.ID
	// Limits bound each query.
	Limits runner.Limits
	// Version is the product's version.
	Version string
}

// DefaultConfig is that of a single machine.
func DefaultConfig() Config {
	return Config{Listen: DefaultListen, Tenant: tenant.Default, Limits: runner.DefaultLimits(), Version: "devel"}
}

// Validate names the setting that is wrong.
func (c *Config) Validate() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen must be host:port, for example %q, got %q", DefaultListen, c.Listen)
	}
	if !isLoopback(host) && c.TokenFile == "" {
		return fmt.Errorf("listen %q can be reached from the network and nothing checks who asks: set token_file, or listen on %s", c.Listen, DefaultListen)
	}
	if c.Tenant.IsZero() {
		return errors.New("tenant must be a UUID or default")
	}
	if c.Limits.Timeout <= 0 {
		return fmt.Errorf("query_timeout must be more than 0, got %s", c.Limits.Timeout)
	}
	if c.Limits.MemoryBytes < 1<<20 {
		return fmt.Errorf("query_memory_bytes must be at least 1048576, got %d", c.Limits.MemoryBytes)
	}
	return nil
}

// isLoopback tells an address of this machine. A name other than localhost may lead anywhere.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

const minToken = 16

func readToken(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read token_file: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) < minToken {
		return nil, fmt.Errorf("token_file %s must hold at least %d characters, has %d", path, minToken, len(b))
	}
	return b, nil
}
