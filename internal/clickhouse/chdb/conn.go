package chdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// killEvery is how often the statement of a cancelled context is killed again: the first order may come before the
// engine has registered the statement.
const killEvery = 20 * time.Millisecond

// ErrClosed is returned by a statement on a closed connection or pool.
var ErrClosed = errors.New("the engine connection is closed")

// Param is a value for a {name:Type} placeholder, in the escaped text form of its type.
type Param struct {
	Name  string
	Value string
}

// Stats counts what a statement read and wrote; views that an INSERT feeds are included.
type Stats struct {
	RowsRead, BytesRead, RowsWritten, BytesWritten uint64
}

// Result is the whole answer of a statement.
type Result struct {
	Data []byte
	Stats
}

// Class says what a statement does, by the engine's own parser.
type Class uint32

// The classes of statements, in the order of how restricted they are.
const (
	ClassReadOnly Class = iota
	ClassMutating
	ClassMutatingGlobal
	ClassControl
	ClassUnknown
)

// Conn is one session of the engine: it has its own settings, current database and temporary tables, and runs one
// statement at a time.
type Conn struct {
	lib  *Library
	ptr  unsafe.Pointer // chdb_connection *
	kill func(id string) error
	id   string
	// slot is the pool's, while the connection is lent.
	slot chan struct{}

	// Local is the borrower's: what it keeps about the session while the connection lies in the pool.
	Local any

	// mu is held while a statement runs.
	mu     sync.Mutex
	closed bool
}

// Connect opens a connection. The first one starts the engine on the folder in --path; keep it open as long as the
// engine is needed, because closing the last one stops the engine. Arguments that name a query setting hold for this
// connection alone.
func (l *Library) Connect(args ...string) (*Conn, error) {
	ptr, err := l.connectArgs(args)
	if err != nil {
		return nil, err
	}
	return &Conn{lib: l, ptr: ptr}, nil
}

// Close ends the session. It waits for a running statement.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.lib.closeConn(c.ptr)
}

func (c *Conn) handle() unsafe.Pointer { return *(*unsafe.Pointer)(c.ptr) }

// guard holds the connection while fn runs and, once ctx ends, kills the statement until fn is back. It returns only
// when no kill is under way any more, so that none can meet the connection's next statement.
func (c *Conn) guard(ctx context.Context, fn func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.kill == nil || ctx.Done() == nil {
		return fn()
	}
	finished, killed := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		c.killUntil(finished)
	})
	err := fn()
	close(finished)
	if !stop() {
		<-killed
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
	return err
}

func (c *Conn) killUntil(finished <-chan struct{}) {
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		if err := c.kill(c.id); errors.Is(err, ErrClosed) {
			return
		}
		select {
		case <-finished:
			return
		case <-tick.C:
		}
	}
}

// Exec runs a statement and drops its answer.
func (c *Conn) Exec(ctx context.Context, sql string, params ...Param) error {
	_, err := c.Query(ctx, sql, "Null", params...)
	return err
}

// Query runs a statement and gives its whole answer in the named format; a FORMAT clause in the text wins over it.
func (c *Conn) Query(ctx context.Context, sql, format string, params ...Param) (Result, error) {
	var out Result
	err := c.guard(ctx, func() error {
		p := newParamArrays(params)
		res := c.lib.query(c.handle(), text(sql), uintptr(len(sql)), text(format), uintptr(len(format)),
			p.names, p.nameLens, p.values, p.valueLens, uintptr(len(params)))
		runtime.KeepAlive(p)
		defer c.lib.destroy(res)
		if msg := c.lib.resultError(res); msg != "" {
			return newError(msg)
		}
		out.Data = append([]byte(nil), c.lib.bytes(res)...)
		out.Stats = c.lib.stats(res)
		return nil
	})
	return out, err
}

// Stream runs a reading statement and hands its answer over chunk by chunk, as the engine makes it. A chunk holds whole
// blocks and is valid only during the call. What was read is counted as the engine has reported it by the last chunk. When yield fails, the statement is cancelled and that error returned.
func (c *Conn) Stream(ctx context.Context, sql, format string, params []Param, yield func(chunk []byte) error) (Stats, error) {
	var stats Stats
	err := c.guard(ctx, func() error {
		p := newParamArrays(params)
		stream := c.lib.streamQuery(c.handle(), text(sql), uintptr(len(sql)), text(format), uintptr(len(format)),
			p.names, p.nameLens, p.values, p.valueLens, uintptr(len(params)))
		runtime.KeepAlive(p)
		err := c.fetchAll(ctx, stream, &stats, yield)
		if err != nil {
			c.lib.cancelQuery(c.handle(), stream)
		}
		c.lib.destroy(stream)
		if err != nil {
			c.settle()
		}
		return err
	})
	return stats, err
}

func (c *Conn) fetchAll(ctx context.Context, stream unsafe.Pointer, stats *Stats, yield func([]byte) error) error {
	if msg := c.lib.resultError(stream); msg != "" {
		return newError(msg)
	}
	for {
		more, err := c.fetchOne(stream, stats, yield)
		if err != nil || !more {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (c *Conn) fetchOne(stream unsafe.Pointer, stats *Stats, yield func([]byte) error) (more bool, err error) {
	chunk := c.lib.fetch(c.handle(), stream)
	defer c.lib.destroy(chunk)
	if msg := c.lib.resultError(chunk); msg != "" {
		return false, newError(msg)
	}
	stats.RowsRead += c.lib.storageRows(chunk)
	stats.BytesRead += c.lib.storageBytes(chunk)
	data := c.lib.bytes(chunk)
	if len(data) == 0 {
		return false, nil
	}
	return true, yield(data)
}

// settle runs a trivial statement: after a failed stream the engine keeps the statement in system.processes until the
// connection's next one.
func (c *Conn) settle() {
	const sql, format = "SELECT 1", "Null"
	res := c.lib.query(c.handle(), text(sql), uintptr(len(sql)), text(format), uintptr(len(format)), nil, nil, nil, nil, 0)
	c.lib.destroy(res)
}

// Insert streams what body writes into an INSERT, whose text has neither a FORMAT clause nor data. It returns when the
// engine has committed the rows. An error of body cancels the INSERT before it is committed and is returned as it is.
func (c *Conn) Insert(ctx context.Context, sql, format string, body func(io.Writer) error) (Stats, error) {
	var stats Stats
	err := c.guard(ctx, func() error {
		stream := c.lib.insert(c.handle(), text(sql), uintptr(len(sql)), text(format), uintptr(len(format)))
		err := c.runInsert(ctx, stream, &stats, body)
		c.lib.destroyIns(stream)
		if err != nil {
			c.settle()
		}
		return err
	})
	return stats, err
}

func (c *Conn) runInsert(ctx context.Context, stream unsafe.Pointer, stats *Stats, body func(io.Writer) error) (err error) {
	if msg := c.lib.insertError(stream); msg != "" {
		return newError(msg)
	}
	finished := false
	defer func() {
		if !finished { // also where body panics
			c.lib.cancelInsert(stream)
		}
	}()
	w := &insertWriter{lib: c.lib, stream: stream, ctx: ctx}
	if err := body(w); err != nil {
		if w.err != nil {
			return w.err
		}
		return err
	}
	if err := errors.Join(w.err, ctx.Err()); err != nil {
		return err
	}
	finished = true
	res := c.lib.done(stream)
	defer c.lib.destroy(res)
	if msg := c.lib.resultError(res); msg != "" {
		return newError(msg)
	}
	*stats = c.lib.stats(res)
	return nil
}

// insertWriter hands bytes to a streaming INSERT; the engine copies them and blocks when it falls behind.
type insertWriter struct {
	lib    *Library
	stream unsafe.Pointer
	ctx    context.Context
	err    error
}

func (w *insertWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if w.lib.append(w.stream, unsafe.Pointer(&p[0]), uintptr(len(p))) != 0 {
		w.err = newError(w.lib.insertError(w.stream))
		return 0, fmt.Errorf("append %d bytes to the insert: %w", len(p), w.err)
	}
	return len(p), nil
}

// analysis is chdb_query_analysis_v1.
type analysis struct {
	size, statements, flags, class uint32
}

// Classify parses a statement with the engine's parser and says what it would do and how many statements the text holds.
func (c *Conn) Classify(sql string) (Class, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ClassUnknown, 0, ErrClosed
	}
	out := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	if c.lib.classify(c.handle(), text(sql), uintptr(len(sql)), nil, 0, unsafe.Pointer(&out)) != 0 {
		return ClassUnknown, 0, errors.New("classify the statement: the engine refused")
	}
	return Class(out.class), int(out.statements), nil
}

func (l *Library) bytes(res unsafe.Pointer) []byte {
	n := l.length(res)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(l.buffer(res)), n)
}

func (l *Library) stats(res unsafe.Pointer) Stats {
	return Stats{
		RowsRead: l.storageRows(res), BytesRead: l.storageBytes(res),
		RowsWritten: l.rowsWritten(res), BytesWritten: l.bytesWritten(res),
	}
}

// paramArrays are the four arrays of the C call; they and the strings must stay alive during it.
type paramArrays struct {
	params                             []Param
	names, nameLens, values, valueLens unsafe.Pointer
}

func newParamArrays(params []Param) *paramArrays {
	p := &paramArrays{params: params}
	if len(params) == 0 {
		return p
	}
	pointers := make([]unsafe.Pointer, 2*len(params))
	lengths := make([]uintptr, 2*len(params))
	for i, param := range params {
		j := len(params) + i
		pointers[i], lengths[i] = text(param.Name), uintptr(len(param.Name))
		pointers[j], lengths[j] = text(param.Value), uintptr(len(param.Value))
	}
	p.names, p.nameLens = unsafe.Pointer(&pointers[0]), unsafe.Pointer(&lengths[0])
	p.values, p.valueLens = unsafe.Pointer(&pointers[len(params)]), unsafe.Pointer(&lengths[len(params)])
	return p
}

// empty stands for the bytes of an empty string, whose data pointer may be nil.
var empty = [1]byte{}

func text(s string) unsafe.Pointer {
	if s == "" {
		return unsafe.Pointer(&empty[0])
	}
	return unsafe.Pointer(unsafe.StringData(s))
}
