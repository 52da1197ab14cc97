package main

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often a line is written.
const progressEvery = time.Second

// progress counts bytes and tells how far it is.
type progress struct {
	out         io.Writer
	label       string
	done, total int64
	last        time.Time
}

// Write counts.
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if now := time.Now(); now.Sub(p.last) >= progressEvery {
		p.last = now
		p.print()
	}
	return len(b), nil
}

func (p *progress) end() { p.print() }

func (p *progress) print() {
	const mb = 1e6
	if p.total <= 0 {
		fmt.Fprintf(p.out, "%s %.1f MB\n", p.label, float64(p.done)/mb)
		return
	}
	fmt.Fprintf(p.out, "%s %.1f of %.1f MB, %d%%\n", p.label, float64(p.done)/mb, float64(p.total)/mb, p.done*100/p.total)
}
