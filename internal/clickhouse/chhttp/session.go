package chhttp

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// sessionState is what the front has set on a connection.
type sessionState struct {
	database string
	settings map[string]string
}

// lease is a connection for one request.
type lease struct {
	server *Server
	conn   *chdb.Conn
	// session is set where the request has a session_id.
	session *session
	timeout time.Duration
	// dirty says that the session's state isn't known any more.
	dirty    bool
	external []string
}

// borrow gets a connection, from the pool or the request's session.
func (s *Server) borrow(ctx context.Context, req *request) (*lease, error) {
	l := &lease{server: s, timeout: req.sessionTimeout}
	if req.sessionID != "" {
		session, err := s.sessions.lock(ctx, req.sessionID, req.sessionCheck)
		if err != nil {
			return nil, err
		}
		l.session, l.conn = session, session.conn
		return l, nil
	}
	conn, err := s.pool.AcquireFor(ctx, req.purpose())
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return l, nil
}

// CleanInsert lends a connection without a request's settings, in the default database, to those who insert without HTTP.
func (s *Server) CleanInsert(ctx context.Context, fn func(*chdb.Conn) error) error {
	req := &request{database: s.options.Database}
	conn, err := s.pool.AcquireFor(ctx, chdb.ForInsert)
	if err != nil {
		return err
	}
	l := &lease{server: s, conn: conn}
	defer l.giveBack()
	if err := l.prepare(ctx, req); err != nil {
		return err
	}
	return fn(l.conn)
}

func (l *lease) giveBack() {
	if len(l.external) > 0 {
		l.dropExternal()
	}
	switch {
	case l.session != nil:
		l.server.sessions.unlock(l.session, l.timeout)
	case l.dirty:
		l.server.pool.Discard(l.conn)
	default:
		l.server.pool.Release(l.conn)
	}
}

// prepare gives the connection the database and the settings of the request and takes back those of the request before.
func (l *lease) prepare(ctx context.Context, req *request) error {
	state, ok := l.conn.Local.(*sessionState)
	if !ok {
		state = &sessionState{settings: map[string]string{}}
		l.conn.Local = state
	}
	if err := l.applySettings(ctx, state, req.settings); err != nil {
		return err
	}
	// A session's USE holds; a request outside of one always says which database it means.
	if state.database == req.database || l.session != nil && state.database != "" {
		return nil
	}
	if err := l.conn.Exec(ctx, "USE "+quoteName(req.database)); err != nil {
		return err
	}
	state.database = req.database
	return nil
}

func (l *lease) applySettings(ctx context.Context, state *sessionState, want map[string]string) error {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(state.settings)) {
		if _, kept := want[name]; kept {
			continue
		}
		if value, ok := l.server.options.Settings[name]; ok {
			changes = append(changes, name+" = "+quoteString(value))
		} else {
			changes = append(changes, name+" = DEFAULT")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have, ok := state.settings[name]; !ok || have != want[name] {
			changes = append(changes, name+" = "+quoteString(want[name]))
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if err := l.conn.Exec(ctx, "SET "+strings.Join(changes, ", ")); err != nil {
		l.dirty = true
		return err
	}
	state.settings = maps.Clone(want)
	return nil
}

// session is a connection that a client keeps under a name.
type session struct {
	id   string
	conn *chdb.Conn
	busy bool
	// expires ends the session while nobody uses it.
	expires *time.Timer
}

// sessions are the connections that clients hold by session_id. Each takes one of the pool's connections, so there are at
// most half as many.
type sessions struct {
	pool *chdb.Pool
	max  int

	// mu guards byID, the sessions in it, and closed.
	mu     sync.Mutex
	byID   map[string]*session
	closed bool
}

func newSessions(pool *chdb.Pool) *sessions {
	return &sessions{pool: pool, max: max(1, pool.MaxConns()/2), byID: map[string]*session{}}
}

// lock finds or makes a session and takes it for one request.
func (s *sessions) lock(ctx context.Context, id string, mustExist bool) (*session, error) {
	s.mu.Lock()
	found, ok := s.byID[id]
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, chdb.ErrClosed
	case ok && found.busy:
		s.mu.Unlock()
		return nil, newException(373, "SESSION_IS_LOCKED", "Session "+id+" is locked by a concurrent client.")
	case ok:
		found.busy = true
		found.expires.Stop()
		s.mu.Unlock()
		return found, nil
	case mustExist:
		s.mu.Unlock()
		return nil, newException(372, "SESSION_NOT_FOUND", "Session "+id+" not found.")
	case len(s.byID) >= s.max:
		s.mu.Unlock()
		return nil, newException(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "too many sessions; close one or let it expire")
	}
	made := &session{id: id, busy: true}
	s.byID[id] = made
	s.mu.Unlock()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		s.mu.Lock()
		delete(s.byID, id)
		s.mu.Unlock()
		return nil, err
	}
	made.conn = conn
	return made, nil
}

// unlock gives a session free and starts its clock.
func (s *sessions) unlock(held *session, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.pool.Discard(held.conn)
		return
	}
	held.busy = false
	held.expires = time.AfterFunc(timeout, func() { s.expire(held) })
}

func (s *sessions) expire(old *session) {
	s.mu.Lock()
	if s.closed || old.busy || s.byID[old.id] != old {
		s.mu.Unlock()
		return
	}
	delete(s.byID, old.id)
	s.mu.Unlock()
	s.pool.Discard(old.conn)
}

// close ends the sessions that are not in use; those in use end when they are given back.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, held := range s.byID {
		if !held.busy {
			held.expires.Stop()
			s.pool.Discard(held.conn)
		}
		delete(s.byID, id)
	}
}
