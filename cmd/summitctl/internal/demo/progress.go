package demo

import (
	"fmt"
	"io"
	"time"
)

// progress tells how far things are, at most every two seconds and at the end of each part.
type progress struct {
	w    io.Writer
	last time.Time
	now  func() time.Time
}

func newProgress(w io.Writer) *progress { return &progress{w: w, now: time.Now} }

func (p *progress) step(what string, n, total int, unit string) {
	now := p.now()
	if n < total && now.Sub(p.last) < 2*time.Second {
		return
	}
	p.last = now
	p.say(fmt.Sprintf("%s %d/%d %s", what, n, total, unit))
}

// say writes a line; a terminal that is gone is no reason to stop.
func (p *progress) say(line string) { _, _ = fmt.Fprintln(p.w, line) }
