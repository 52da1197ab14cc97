package clickhouse

import (
	"fmt"
	"net/http"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ConnSettings say where a connection for reads and DDL goes.
type ConnSettings struct {
	// Addr is host:port of the HTTP interface.
	Addr string
	// Secure asks for TLS.
	Secure   bool
	User     string
	Password string
	// Database is the current database. Default Database.
	Database string
	// Transport, if set, replaces the network.
	Transport http.RoundTripper
	// MaxConns bounds the statements that run at once. Default 8.
	MaxConns int
	// Compress asks for LZ4, for a server on another machine.
	Compress bool
}

// NewConn makes a clickhouse-go connection over HTTP. It opens nothing before the first statement.
func NewConn(s ConnSettings) (driver.Conn, error) {
	if s.Database == "" {
		s.Database = Database
	}
	if s.MaxConns < 1 {
		s.MaxConns = 8
	}
	options := &chgo.Options{
		Protocol:     chgo.HTTP,
		Addr:         []string{s.Addr},
		Auth:         chgo.Auth{Database: s.Database, Username: s.User, Password: s.Password},
		MaxOpenConns: s.MaxConns,
		MaxIdleConns: s.MaxConns,
		DialTimeout:  10 * time.Second,
		// A connection costs a hello query; over HTTP it holds nothing that gets old.
		ConnMaxLifetime: 24 * time.Hour,
		ReadTimeout:     time.Hour, // contexts bound statements
	}
	if s.Secure {
		options.TLS = tlsConfig()
	}
	if s.Compress {
		options.Compression = &chgo.Compression{Method: chgo.CompressionLZ4}
	}
	if s.Transport != nil {
		options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return s.Transport, nil }
	}
	conn, err := chgo.Open(options)
	if err != nil {
		return nil, fmt.Errorf("configure the connection to %s: %w", s.Addr, err)
	}
	return conn, nil
}

// Named is a value for a {name:Type} placeholder of a query.
func Named(name string, value any) driver.NamedValue {
	return driver.NamedValue{Name: name, Value: value}
}
