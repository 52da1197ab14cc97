package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

// DialSettings configure Dial. The zero value suits a server without a password.
type DialSettings struct {
	User     string
	Password string
	// MaxConns bounds the reading statements that run at once. Default 8.
	MaxConns int
	// CreateDatabase makes the database where it is missing; otherwise that is an error.
	CreateDatabase bool
	// InsertTimeout ends an INSERT that doesn't get on: the server takes no more of its rows, or has them all and doesn't
	// answer. It is repeated with the same token, so what became of it doesn't matter. Default 5 min.
	InsertTimeout time.Duration
	// Transport, if set, replaces the network of inserts and reads.
	Transport http.RoundTripper
}

// Remote is a ClickHouse server, reached over its HTTP interface.
type Remote struct {
	base     *url.URL
	settings DialSettings
	client   *http.Client
	conn     driver.Conn
	version  string
}

var _ Store = (*Remote)(nil)

// Dial connects to a ClickHouse server, or to the HTTP front of an engine in another process. The endpoint is host:port
// or an http(s) URL.
func Dial(ctx context.Context, endpoint string, s DialSettings) (*Remote, error) {
	base, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if s.InsertTimeout <= 0 {
		s.InsertTimeout = 5 * time.Minute
	}
	r := &Remote{base: base, settings: s}
	if s.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = 0 // an INSERT answers when its rows are committed
		transport.MaxIdleConnsPerHost = max(s.MaxConns, 8)
		r.client = &http.Client{Transport: transport}
	} else {
		r.client = &http.Client{Transport: s.Transport}
	}
	if s.CreateDatabase {
		if err := r.post(ctx, url.Values{"query": {ddl.Database()}, "database": {"default"}}, http.NoBody); err != nil {
			return nil, fmt.Errorf("create database %s on %s: %w", Database, base.Host, err)
		}
	}
	r.conn, err = NewConn(ConnSettings{
		Addr: base.Host, Secure: base.Scheme == "https", User: s.User, Password: s.Password,
		Transport: s.Transport, MaxConns: s.MaxConns, Compress: !isLocal(base.Hostname()),
	})
	if err != nil {
		return nil, err
	}
	if err := r.conn.QueryRow(ctx, "SELECT version()").Scan(&r.version); err != nil {
		_ = r.conn.Close()
		return nil, fmt.Errorf("connect to ClickHouse at %s: %w", base.Host, err)
	}
	return r, nil
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	text := endpoint
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", endpoint, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("endpoint %q: scheme must be http or https", endpoint)
	}
	if u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("endpoint %q: want host:port or http(s)://host:port", endpoint)
	}
	if u.User != nil {
		return nil, fmt.Errorf("endpoint of host %s: give user and password as settings of their own", u.Host)
	}
	u.Path, u.RawQuery = "/", ""
	return u, nil
}

func isLocal(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

func tlsConfig() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// Insert streams one INSERT as a POST.
func (r *Remote) Insert(ctx context.Context, ins Insert) error {
	statement, err := ins.Statement()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(r.settings.InsertTimeout, func() {
		cancel(fmt.Errorf("the server neither takes rows nor answers for %s", r.settings.InsertTimeout))
	})
	defer stalled.Stop()
	body, pipe := io.Pipe()
	finished := make(chan error, 1)
	go func() {
		err := ins.Body(progressWriter{pipe, func() { stalled.Reset(r.settings.InsertTimeout) }})
		// Without its end marker a chunked body is a broken request, so a failed writer leaves no rows.
		_ = pipe.CloseWithError(err)
		finished <- err
	}()
	err = r.post(ctx, url.Values{"query": {statement + " FORMAT Native"}, "database": {Database}}, body)
	_ = body.CloseWithError(errors.New("the insert has ended"))
	if bodyErr := <-finished; err != nil && bodyErr != nil && !errors.Is(err, bodyErr) {
		err = errors.Join(err, bodyErr)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(cause, err)
		}
		return fmt.Errorf("insert into %s: %w", ins.Table, err)
	}
	return nil
}

// progressWriter tells of each piece that was taken.
type progressWriter struct {
	w     io.Writer
	taken func()
}

func (p progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err == nil {
		p.taken()
	}
	return n, err
}

func (r *Remote) post(ctx context.Context, query url.Values, body io.Reader) error {
	target := *r.base
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), body)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if r.settings.User != "" {
		req.Header.Set("X-ClickHouse-User", r.settings.User)
		req.Header.Set("X-ClickHouse-Key", r.settings.Password)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return responseError(res, string(text))
}

// Conn gives the connection for reads and DDL.
func (r *Remote) Conn() driver.Conn { return r.conn }

// Kind is KindServer.
func (r *Remote) Kind() Kind { return KindServer }

// Version is the server's version.
func (r *Remote) Version() string { return r.version }

// Close ends the connections.
func (r *Remote) Close() error {
	r.client.CloseIdleConnections()
	if err := r.conn.Close(); err != nil {
		return fmt.Errorf("close the connection to %s: %w", r.base.Host, err)
	}
	return nil
}

// dialRetry is how long Wait sleeps between two attempts.
const dialRetry = 200 * time.Millisecond

// Wait dials until the server answers, the context ends or the server refuses the user.
func Wait(ctx context.Context, endpoint string, s DialSettings) (*Remote, error) {
	for {
		r, err := Dial(ctx, endpoint, s)
		if err == nil || IsAuth(err) {
			return r, err
		}
		if _, parseErr := parseEndpoint(endpoint); parseErr != nil {
			return nil, parseErr
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(dialRetry):
		}
	}
}
