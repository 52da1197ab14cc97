// Package faker makes up a small shop whose telemetry and CI history belong together: commits, workflow runs, images,
// deployments, and the traces, logs, metrics and exceptions of the versions that were deployed. summitctl's demo and
// the end-to-end tests send what it gives through the real doors. It stands beside the flow: nothing that serves
// imports it.
//
// The same settings give the same bytes. Three things happen in the history: a release of the catalog turns one query
// into many and gets slow, a test of the inventory is flaky, and a commit in the checkout breaks the tax computation,
// which throws in production from its deployment on.
package faker

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Settings choose a world.
type Settings struct {
	// Seed chooses among worlds.
	Seed uint64
	// Base is the end of the history, in practice the present. It is truncated to a second.
	Base time.Time
	// History is how far the history reaches back from Base, at least two hours.
	History time.Duration
	// Traces is how many traces the whole history holds, within the scatter of their arrival. Default 12000.
	Traces int
}

// minHistory is what the story needs to take place.
const minHistory = 2 * time.Hour

// World is a made-up shop with its past. It is immutable and may be used by several goroutines.
type World struct {
	settings Settings
	start    time.Time
	changes  []change
	releases []release
	services map[string]*service
}

// New makes the world of the settings.
func New(s Settings) (*World, error) {
	if s.History < minHistory {
		return nil, fmt.Errorf("history must be at least %s, got %s", minHistory, s.History)
	}
	if s.Base.IsZero() {
		return nil, fmt.Errorf("base time is missing")
	}
	if s.Traces == 0 {
		s.Traces = 12000
	}
	s.Base = s.Base.UTC().Truncate(time.Second)
	w := &World{settings: s, start: s.Base.Add(-s.History), services: map[string]*service{}}
	for i := range shop {
		w.services[shop[i].name] = &shop[i]
	}
	w.writeHistory()
	return w, nil
}

// Start is when the history begins.
func (w *World) Start() time.Time { return w.start }

// Base is when the history ends.
func (w *World) Base() time.Time { return w.settings.Base }

// at is the time at a share of the history.
func (w *World) at(share float64) time.Time {
	return w.start.Add(time.Duration(share * float64(w.settings.History))).Truncate(time.Millisecond)
}

// random gives a source that depends on the seed and the words alone, so that one part of the world can be made
// without the others.
func (w *World) random(words ...uint64) *rand.Rand {
	a, b := w.settings.Seed^0x9e3779b97f4a7c15, uint64(len(words))
	for _, x := range words {
		a = mix(a ^ x)
		b = mix(b + a)
	}
	return rand.New(rand.NewPCG(a, b))
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Streams of random.
const (
	streamCommit uint64 = iota + 1
	streamRun
	streamImage
	streamTraces
	streamMetrics
	streamLive
	streamPod
)

func hexOf(r *rand.Rand, n int) string {
	b := make([]byte, n)
	fill(r, b)
	return hex.EncodeToString(b)
}

func fill(r *rand.Rand, b []byte) {
	for i := 0; i < len(b); i += 8 {
		x := r.Uint64()
		for j := i; j < min(i+8, len(b)); j++ {
			b[j] = byte(x)
			x >>= 8
		}
	}
}

func uuidOf(r *rand.Rand) string {
	var b [16]byte
	fill(r, b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// scatter gives a duration around a median, with the long tail that latencies have.
func scatter(r *rand.Rand, median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(0.45*r.NormFloat64()))
}

// around gives a duration within a tenth of d.
func around(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*r.Float64())).Truncate(time.Millisecond)
}
