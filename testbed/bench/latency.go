package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// share of the sustainable rate at which latencies are measured, and the service of the probe spans.
const (
	share        = 0.7
	probeService = "bench-probe"
	probeEvery   = 100 * time.Millisecond
)

// latencies measures at a part of the sustainable load how long a sender waits, and how long a span takes until a query
// finds it: a probe span is sent ten times a second and asked for ten times a second.
func (b *bench) latencies(ctx context.Context) error {
	length := 20 * time.Second
	if b.long {
		length = 2 * time.Minute
	}
	rate := share * b.sustained
	rows, err := b.rows(ctx, load.Spans)
	if err != nil {
		return err
	}
	p := &prober{bench: b, sent: map[string]time.Time{}}
	probing, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var sendErr, askErr error
	wg.Go(func() { sendErr = p.send(probing) })
	asking, stopAsking := context.WithTimeout(ctx, length+time.Minute)
	defer stopAsking()
	wg.Go(func() { askErr = p.ask(asking) })
	res, err := load.Run(ctx, load.Settings{
		Signal: load.Spans, Protocol: "grpc", Address: b.places.OTLPGRPC, Total: int(rate * length.Seconds()),
		Connections: 8, PerSecond: rate, Seed: 202,
	})
	stop()
	if err != nil {
		stopAsking()
	}
	wg.Wait()
	if err := errors.Join(err, sendErr, askErr); err != nil {
		return err
	}
	if _, _, err := b.settle(ctx, load.Spans, rows+res.Items+int64(p.count)); err != nil {
		return err
	}
	b.add("write.ack.p99", millis(res.P99), "ms", fmt.Sprintf("at %.0fk spans/s, %d %% of what is sustained with merging; p50 %s; from when the request was due; %d refusals",
		rate/1000, int(share*100), res.P50.Round(time.Millisecond), res.Waits))
	b.add("write.visible.p99", millis(quantile(p.seen, 0.99)), "ms", fmt.Sprintf("at the same load, %d probe spans from sending until a query finds them; p50 %s; age of the newest ingested_at p99 %s",
		p.count, quantile(p.seen, 0.5).Round(time.Millisecond), quantile(p.ages, 0.99).Round(time.Millisecond)))
	return nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile sorts what it is given.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(math.Ceil(q*float64(len(d))))-1)]
}

// prober sends spans one at a time and looks when they can be asked for.
type prober struct {
	*bench
	count int
	// seen and ages belong to ask.
	seen, ages []time.Duration

	// mu guards sent, the time of sending of those that weren't found yet, and done.
	mu   sync.Mutex
	sent map[string]time.Time
	done bool
}

// send sends until ctx ends.
func (p *prober) send(ctx context.Context) error {
	defer func() {
		p.mu.Lock()
		p.done = true
		p.mu.Unlock()
	}()
	for pause(ctx, probeEvery) == nil {
		id := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
		p.mu.Lock()
		p.sent[id] = time.Now()
		p.mu.Unlock()
		body, err := probe(id, time.Now())
		if err != nil {
			return err
		}
		// Not with ctx: a request that was begun is either taken or an error.
		status, answer, err := process.Post(context.WithoutCancel(ctx), "http://"+p.places.OTLPHTTP+"/v1/traces", http.Header{"Content-Type": {"application/json"}}, body)
		if err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("send a probe: status %d: %s", status, answer), err)
		}
		p.count++
	}
	return nil
}

func probe(traceID string, at time.Time) ([]byte, error) {
	nanos := strconv.FormatInt(at.UnixNano(), 10)
	span := map[string]any{"traceId": traceID, "spanId": traceID[:16], "name": "probe", "kind": 1, "startTimeUnixNano": nanos, "endTimeUnixNano": nanos}
	name := map[string]any{"key": "service.name", "value": map[string]any{"stringValue": probeService}}
	return json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": []any{name}},
		"scopeSpans": []any{map[string]any{"spans": []any{span}}},
	}}})
}

// ask looks until all that were sent were found.
func (p *prober) ask(ctx context.Context) error {
	for {
		rows, err := process.SQL(ctx, p.places, "SELECT lower(hex(trace_id)), toString(now64(3) - max(ingested_at) OVER ()) FROM events_trace_v1 WHERE service_name = '"+probeService+"'")
		if err != nil {
			return err
		}
		if p.note(rows, time.Now()) {
			return nil
		}
		if err := pause(ctx, probeEvery); err != nil {
			return fmt.Errorf("%d probes were never found: %w", len(p.sent), err)
		}
	}
}

// note takes the rows of an answer and tells whether that was the last.
func (p *prober) note(rows [][]string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range rows {
		if at, ok := p.sent[row[0]]; ok {
			p.seen = append(p.seen, now.Sub(at))
			delete(p.sent, row[0])
		}
	}
	if len(rows) > 0 && !p.done {
		if age, err := strconv.ParseFloat(rows[0][1], 64); err == nil {
			p.ages = append(p.ages, time.Duration(age*float64(time.Second)))
		}
	}
	return p.done && len(p.sent) == 0
}
