package chhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// execute runs a request and writes its answer, all but the end of it.
func (s *Server) execute(ctx context.Context, req *request, out *responder) (chdb.Stats, error) {
	if isHello(req) {
		return chdb.Stats{}, s.hello(req, out)
	}
	req.kills = leadingKeyword(req.sql) == "KILL"
	if id, ok := killTarget(req.sql); ok {
		s.cancelQuery(id)
		req.sql = "SELECT 'waiting' AS kill_status, " + quoteString(id) + " AS query_id"
	}
	lease, err := s.borrow(ctx, req)
	if err != nil {
		return chdb.Stats{}, err
	}
	defer lease.giveBack()
	if err := lease.prepare(ctx, req); err != nil {
		return chdb.Stats{}, err
	}
	if err := lease.loadExternal(ctx, req.external); err != nil {
		return chdb.Stats{}, err
	}
	if req.insert != nil && req.data != nil {
		return s.runInsert(ctx, lease.conn, req, out)
	}
	return s.runStatement(ctx, lease, req, out)
}

func (s *Server) runInsert(ctx context.Context, c *chdb.Conn, req *request, out *responder) (chdb.Stats, error) {
	if req.readOnly {
		return chdb.Stats{}, errReadOnly
	}
	body := &timedBody{r: req.data, conn: http.NewResponseController(out.w), limit: s.options.BodyTimeout}
	defer body.release()
	return c.Insert(ctx, req.insert.text, req.insert.format, func(w io.Writer) error {
		// 1 MiB: the engine copies and queues each piece.
		_, err := io.CopyBuffer(w, struct{ io.Reader }{body}, make([]byte, 1<<20))
		body.release()
		return err
	})
}

// timedBody bounds the time that a client may send nothing. The time that the engine takes doesn't count: the clock runs
// while a read waits.
type timedBody struct {
	r     io.Reader
	conn  *http.ResponseController
	limit time.Duration
}

// Read sets the connection's deadline anew; a request without a socket has none, its body comes from this process.
func (b *timedBody) Read(p []byte) (int, error) {
	_ = b.conn.SetReadDeadline(time.Now().Add(b.limit))
	n, err := b.r.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = newException(209, "SOCKET_TIMEOUT", "The client sent nothing of the INSERT's data for "+b.limit.String())
	}
	return n, err
}

// release takes the deadline off: passing while the engine commits, it would end the request.
func (b *timedBody) release() { _ = b.conn.SetReadDeadline(time.Time{}) }

var errReadOnly = newException(164, "READONLY", "Cannot execute query in readonly mode: a GET request only reads; use POST.")

func (s *Server) runStatement(ctx context.Context, lease *lease, req *request, out *responder) (chdb.Stats, error) {
	class, _, err := lease.conn.Classify(req.sql)
	if err != nil {
		return chdb.Stats{}, err
	}
	if req.readOnly && class != chdb.ClassReadOnly && class != chdb.ClassUnknown {
		return chdb.Stats{}, errReadOnly
	}
	if class >= chdb.ClassControl {
		lease.dirty = true // SET, USE and temporary tables must not reach the connection's next borrower
	}
	out.format = outputFormat(req.sql)
	if out.format == "" {
		out.format = req.format
	}
	sql := asyncKill(req.sql)
	if class == chdb.ClassReadOnly && !req.buffered {
		stats, err := lease.conn.Stream(ctx, sql, req.format, req.params, out.write)
		if !notStreamable(err) {
			return stats, err
		}
	}
	res, err := lease.conn.Query(ctx, sql, req.format, req.params...)
	if err != nil {
		return chdb.Stats{}, err
	}
	out.summary(res.Stats)
	return res.Stats, out.write(res.Data)
}

// notStreamable tells the engine's refusal to stream what isn't a SELECT, for example EXPLAIN.
func notStreamable(err error) bool {
	var e *chdb.Error
	return errors.As(err, &e) && e.Code == 36 && strings.Contains(e.Message, "Streaming query is not supported")
}

var (
	killStatement = regexp.MustCompile(`(?is)^\s*KILL\s+QUERY\s.*\bquery_id\s*=\s*'([^'\\]*)'`)
	killSync      = regexp.MustCompile(`(?is)^(\s*KILL\s+QUERY\s.*)\bSYNC\s*;?\s*$`)
)

// killTarget gives the query id that a KILL QUERY names: those ids are known here, the engine has its own.
func killTarget(sql string) (string, bool) {
	m := killStatement.FindStringSubmatch(sql)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// asyncKill turns a KILL … SYNC into ASYNC: waiting for a cancelled stream would hang until its connection is used again.
func asyncKill(sql string) string {
	return killSync.ReplaceAllString(sql, "${1}ASYNC")
}
