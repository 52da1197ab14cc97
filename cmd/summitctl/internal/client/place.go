package client

import (
	"os"
	"strings"
)

// Places are the addresses of a running system.
type Places struct {
	// URL is queryd's, with scheme.
	URL string
	// OTLPGRPC is host:port.
	OTLPGRPC string
	// OTLPHTTP, Door, Store and Health are URLs.
	OTLPHTTP string
	Door     string
	Store    string
	Health   string
}

// FromEnvironment takes the addresses from the variables that also move the listeners, else the defaults. url, the
// flag's value, goes before SUMMIT_URL.
func FromEnvironment(url string) Places {
	p := Places{
		URL:      withScheme(or(url, or(os.Getenv("SUMMIT_URL"), env("SUMMIT_LISTEN", "127.0.0.1:8640")))),
		OTLPGRPC: env("SUMMIT_OTLP_GRPC", "127.0.0.1:4317"),
		OTLPHTTP: withScheme(env("SUMMIT_OTLP_HTTP", "127.0.0.1:4318")),
		Door:     withScheme(env("SUMMIT_DOOR", "127.0.0.1:4320")),
		Store:    withScheme(env("SUMMIT_STORE", "127.0.0.1:8641")),
		Health:   withScheme(env("SUMMIT_HEALTH", "127.0.0.1:13133")),
	}
	return p
}

func env(name, fallback string) string { return or(os.Getenv(name), fallback) }

func or(s, fallback string) string {
	if s != "" {
		return s
	}
	return fallback
}

func withScheme(address string) string {
	address = strings.TrimRight(address, "/")
	if strings.Contains(address, "://") {
		return address
	}
	return "http://" + address
}
