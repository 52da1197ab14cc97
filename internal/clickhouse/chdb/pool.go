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
	// MaxConns bounds how many statements run at once. Default 8.
	MaxConns int
}

// Pool is a running engine: one connection that is never lent, to keep the engine up and to kill statements, and up to
// MaxConns others, opened when they are first needed.
type Pool struct {
	lib      *Library
	settings Settings
	keeper   *Conn
	// slots has one token per connection that may be lent.
	slots chan struct{}
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
	p := &Pool{lib: lib, settings: s, slots: make(chan struct{}, s.MaxConns), quit: make(chan struct{})}
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

// Acquire lends a connection, and waits while all are lent. Give it back with Release or Discard.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-p.quit:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free engine connection: %w", ctx.Err())
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.connect()
	if err != nil {
		<-p.slots
		return nil, err
	}
	return c, nil
}

// Release takes a connection back whose session is as it was lent.
func (p *Pool) Release(c *Conn) {
	p.mu.Lock()
	keep := !p.closed
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.Close()
	}
	<-p.slots
}

// Discard closes a lent connection, whose session must not be used again.
func (p *Pool) Discard(c *Conn) {
	c.Close()
	<-p.slots
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

// MaxConns is how many connections the pool lends at most.
func (p *Pool) MaxConns() int { return cap(p.slots) }

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
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	p.keeper.Close()
}
