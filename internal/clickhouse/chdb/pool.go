package chdb

import (
	"context"
	"fmt"
	"strconv"
	"sync"
)

// Settings say how a Pool opens the engine.
type Settings struct {
	// Path is the data folder.
	Path string
	// ConfigFile is a server configuration in XML; empty: none.
	ConfigFile string
	// Args are further arguments of every connection, for example "--max_threads=2".
	Args []string
	// MaxConns bounds how many statements run at once, inserts and control statements beyond it apart. Default 8.
	MaxConns int
	// InsertConns is how many inserts can run beside MaxConns statements. Default 2.
	InsertConns int
}

// Purpose is what a connection is lent for. Statements can be long and many; what must go on beside them has
// connections that they can't take.
type Purpose uint8

// The purposes.
const (
	// ForStatement is for everything that has no purpose of its own.
	ForStatement Purpose = iota
	// ForInsert is for streamed inserts: they take a place of their own, or any other that is free.
	ForInsert
	// ForControl is for statements that end others, so that they are heard when everything is busy.
	ForControl
	purposes
)

// Pool is a running engine: one connection that is never lent, to keep the engine up and to kill statements, and a
// bounded number of others per purpose, opened when they are first needed.
type Pool struct {
	lib      *Library
	settings Settings
	keeper   *Conn
	// slots has, per purpose, one token for each connection that is lent.
	slots [purposes]chan struct{}
	// quit is closed by Close.
	quit chan struct{}

	// mu guards idle, next and closed.
	mu     sync.Mutex
	idle   []*Conn
	next   int
	closed bool
}

// NewPool starts the engine.
func NewPool(lib *Library, s Settings) (*Pool, error) {
	if s.MaxConns < 1 {
		s.MaxConns = 8
	}
	if s.InsertConns < 1 {
		s.InsertConns = 2
	}
	p := &Pool{lib: lib, settings: s, quit: make(chan struct{})}
	for purpose, n := range [purposes]int{ForStatement: s.MaxConns, ForInsert: s.InsertConns, ForControl: 1} {
		p.slots[purpose] = make(chan struct{}, n)
	}
	keeper, err := p.connect()
	if err != nil {
		return nil, fmt.Errorf("start the engine on %s: %w", s.Path, err)
	}
	p.keeper = keeper
	return p, nil
}

func (p *Pool) connect() (*Conn, error) {
	p.mu.Lock()
	p.next++
	id := "summit-conn-" + strconv.Itoa(p.next)
	p.mu.Unlock()
	args := []string{"--path=" + p.settings.Path}
	if p.settings.ConfigFile != "" {
		args = append(args, "--config-file="+p.settings.ConfigFile)
	}
	args = append(args, p.settings.Args...)
	// The C calls take no query id, so the connection's log_comment is what a running statement is found by.
	c, err := p.lib.Connect(append(args, "--log_comment="+id)...)
	if err != nil {
		return nil, err
	}
	c.id, c.kill = id, p.killStatement
	return c, nil
}

// killStatement kills what the connection runs. Only ASYNC: a SYNC kill waits for the statement's entry to go, which a
// cancelled stream keeps until the connection's next statement.
func (p *Pool) killStatement(id string) error {
	return p.keeper.Exec(context.Background(), "KILL QUERY WHERE Settings['log_comment'] = '"+id+"' ASYNC")
}

// Acquire lends a connection for a statement, and waits while all are lent. Give it back with Release or Discard.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) { return p.AcquireFor(ctx, ForStatement) }

// AcquireFor is Acquire for a purpose.
func (p *Pool) AcquireFor(ctx context.Context, purpose Purpose) (*Conn, error) {
	slot, err := p.takeSlot(ctx, purpose)
	if err != nil {
		return nil, err
	}
	c, err := p.takeConn()
	if err != nil {
		<-slot
		return nil, err
	}
	c.slot = slot
	return c, nil
}

// takeSlot waits for a place of the purpose, and gives where its token is to be taken back from.
func (p *Pool) takeSlot(ctx context.Context, purpose Purpose) (chan struct{}, error) {
	own, other := p.slots[purpose], chan struct{}(nil)
	if purpose != ForStatement {
		other = p.slots[ForStatement]
		select { // the own place first: it is of no use to statements
		case own <- struct{}{}:
			return own, nil
		default:
		}
	}
	select {
	case own <- struct{}{}:
		return own, nil
	case other <- struct{}{}:
		return other, nil
	case <-p.quit:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free engine connection: %w", ctx.Err())
	}
}

// takeConn gives an idle connection or opens one.
func (p *Pool) takeConn() (*Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.connect()
}

// Release takes a connection back whose session is as it was lent.
func (p *Pool) Release(c *Conn) {
	slot := c.slot // the next borrower may have it once it is idle
	p.mu.Lock()
	keep := !p.closed
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.Close()
	}
	<-slot
}

// Discard closes a lent connection, whose session must not be used again.
func (p *Pool) Discard(c *Conn) {
	slot := c.slot
	c.Close()
	<-slot
}

// With lends a connection to fn. fn must leave the session as it found it.
func (p *Pool) With(ctx context.Context, fn func(*Conn) error) error {
	c, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer p.Release(c)
	return fn(c)
}

// MaxConns is how many connections the pool lends for statements at most.
func (p *Pool) MaxConns() int { return cap(p.slots[ForStatement]) }

// Close waits until every connection is back and stops the engine.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.quit)
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
	for _, slots := range p.slots {
		for range cap(slots) {
			slots <- struct{}{}
		}
	}
	p.keeper.Close()
}
