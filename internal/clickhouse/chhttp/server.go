package chhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// Options configure a Server.
type Options struct {
	// Database is the current database of a request that names none. Default "default".
	Database string
	// Settings are those that every connection of the pool was opened with: a request's own value gives way to them again.
	Settings map[string]string
	// User and Password are asked of every request that comes over a socket; an empty User asks nothing.
	User     string
	Password string
	// MaxQueryBytes bounds the text of a statement; the data of an INSERT is not counted. Default 16 MiB.
	MaxQueryBytes int64
	// SessionTimeout ends a session (session_id) that is idle for so long, unless the request says otherwise. Default 60 s.
	SessionTimeout time.Duration
	// BodyTimeout ends an INSERT whose client sends nothing for so long: it would hold one of the few places that inserts
	// have. Default 1 min.
	BodyTimeout time.Duration
	// OnQuery, if set, is told about every finished statement. It must not block.
	OnQuery func(QueryEvent)
}

// QueryEvent is one finished statement.
type QueryEvent struct {
	QueryID  string
	SQL      string
	Start    time.Time
	Duration time.Duration
	Stats    chdb.Stats
	Err      error
}

// Server answers ClickHouse HTTP requests. It is an http.Handler.
type Server struct {
	pool     *chdb.Pool
	options  Options
	identity identity
	sessions *sessions

	// mu guards running.
	mu      sync.Mutex
	running map[string]context.CancelCauseFunc
}

// errKilled is why a statement ended that KILL QUERY named.
var errKilled = &chdb.Error{Code: 394, Name: "QUERY_WAS_CANCELLED", Message: "Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)"}

// New makes a Server on a running engine.
func New(ctx context.Context, pool *chdb.Pool, o Options) (*Server, error) {
	if o.Database == "" {
		o.Database = "default"
	}
	if o.MaxQueryBytes <= 0 {
		o.MaxQueryBytes = 16 << 20
	}
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = time.Minute
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = time.Minute
	}
	s := &Server{pool: pool, options: o, running: map[string]context.CancelCauseFunc{}}
	s.sessions = newSessions(pool)
	err := pool.With(ctx, func(c *chdb.Conn) error {
		var err error
		s.identity, err = readIdentity(ctx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask the engine who it is: %w", err)
	}
	return s, nil
}

// Version is the engine's version, for example "26.7.2.1".
func (s *Server) Version() string { return s.identity.version }

// Close ends all sessions and running statements. Requests that come later are refused by the closed pool.
func (s *Server) Close() {
	s.mu.Lock()
	for _, cancel := range s.running {
		cancel(errKilled)
	}
	s.mu.Unlock()
	s.sessions.close()
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = w.Write([]byte("Ok.\n"))
		return
	case "/", "": // a client without a socket may send no path
	default:
		http.Error(w, "There is no handle "+r.URL.Path+"\n\nUse / or /ping for health checks.\n", http.StatusNotFound)
		return
	}
	out := &responder{w: w, query: r.URL.Query(), accept: r.Header.Get("Accept-Encoding")}
	w.Header().Set("X-ClickHouse-Server-Display-Name", s.identity.displayName)
	if err := s.authenticate(r); err != nil {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="summit store"`)
		}
		out.fail(err)
		return
	}
	if isGreeting(r) {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = w.Write([]byte("Ok.\n"))
		return
	}
	req, err := s.parse(r)
	if err != nil {
		out.fail(err)
		return
	}
	defer req.close()
	s.run(r.Context(), req, out)
}

// isGreeting tells a bare GET /, which a server answers with Ok.
func isGreeting(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Query().Get("query") == ""
}

// run executes a request under its query id.
func (s *Server) run(ctx context.Context, req *request, out *responder) {
	if req.queryID == "" {
		req.queryID = uuid.NewString()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !s.register(req.queryID, cancel) {
		out.fail(newException(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", "Query with id = "+req.queryID+" is already running."))
		return
	}
	defer s.unregister(req.queryID)
	header := out.w.Header()
	header.Set("X-ClickHouse-Query-Id", req.queryID)
	header.Set("X-ClickHouse-Timezone", s.identity.timezone)
	start := time.Now()
	stats, err := s.execute(ctx, req, out)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errKilled) {
		err = errKilled
	}
	if err != nil {
		out.fail(err)
	} else {
		err = out.finish(stats)
	}
	if s.options.OnQuery != nil {
		s.options.OnQuery(QueryEvent{QueryID: req.queryID, SQL: req.sql, Start: start, Duration: time.Since(start), Stats: stats, Err: err})
	}
}

func (s *Server) register(id string, cancel context.CancelCauseFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.running[id]; taken {
		return false
	}
	s.running[id] = cancel
	return true
}

func (s *Server) unregister(id string) {
	s.mu.Lock()
	delete(s.running, id)
	s.mu.Unlock()
}

// cancelQuery cancels the statement that a client named by its query id.
func (s *Server) cancelQuery(id string) bool {
	s.mu.Lock()
	cancel, ok := s.running[id]
	s.mu.Unlock()
	if ok {
		cancel(errKilled)
	}
	return ok
}

func newException(code int, name, text string) *chdb.Error {
	return &chdb.Error{Code: code, Name: name, Message: fmt.Sprintf("Code: %d. DB::Exception: %s (%s)", code, strings.TrimSpace(text), name)}
}
