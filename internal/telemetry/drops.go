// Package telemetry is what Summit's components say about themselves, in one form: data that is refused, cut, changed or
// set aside is counted in summit_dropped_total by reason and signal, and told in the log at most once per interval and
// reason. Components make one Drops from their collector settings and call it wherever they let go of something.
package telemetry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// DroppedName is the one counter of lost items, of every component.
const DroppedName = "summit_dropped_total"

// Signal is what kind of item is counted.
type Signal string

// The signals.
const (
	Traces  Signal = "traces"
	Logs    Signal = "logs"
	Metrics Signal = "metrics"
	Builds  Signal = "builds"
	Unknown Signal = "unknown"
)

// Drops counts what a component lets go of. It is safe for concurrent use.
type Drops struct {
	log       *zap.Logger
	counter   metric.Int64Counter
	component attribute.KeyValue
	throttle  *Throttle
}

// NewDrops makes the counter in the component's own scope; id is the component's id.
func NewDrops(set component.TelemetrySettings, scope string, id component.ID) (*Drops, error) {
	counter, err := set.MeterProvider.Meter(scope).Int64Counter(DroppedName, metric.WithUnit("{item}"),
		metric.WithDescription("Items that were refused, cut, changed or set aside, by reason and signal."))
	if err != nil {
		return nil, fmt.Errorf("make the counter %s: %w", DroppedName, err)
	}
	return &Drops{
		log: set.Logger, counter: counter, component: attribute.String("component", id.String()),
		throttle: NewThrottle(time.Minute),
	}, nil
}

// Add counts n items and tells it in the log, at most once per minute and reason. Reasons are a closed set of
// lower_snake_case words.
func (d *Drops) Add(ctx context.Context, n int, reason string, signal Signal, fields ...zap.Field) {
	if n <= 0 {
		return
	}
	d.counter.Add(ctx, int64(n), metric.WithAttributes(d.component,
		attribute.String("reason", reason), attribute.String("signal", string(signal))))
	if silent, ok := d.throttle.Allow(reason + string(signal)); ok {
		d.log.Warn("items dropped", append([]zap.Field{
			zap.Int("items", n), zap.String("reason", reason), zap.String("signal", string(signal)),
			zap.Int("not_logged_before", silent),
		}, fields...)...)
	}
}

// maxThrottleKeys bounds the keys that a Throttle remembers.
const maxThrottleKeys = 1000

// Throttle lets one event per key and interval through. It is safe for concurrent use.
type Throttle struct {
	interval time.Duration
	mu       sync.Mutex
	keys     map[string]*throttled
}

type throttled struct {
	next   time.Time
	silent int
}

// NewThrottle makes a Throttle of one event per key and interval.
func NewThrottle(interval time.Duration) *Throttle {
	return &Throttle{interval: interval, keys: map[string]*throttled{}}
}

// Allow tells whether an event of the key may be told now, and how many were held back since the last one.
func (t *Throttle) Allow(key string) (silent int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	k := t.keys[key]
	if k == nil {
		if len(t.keys) >= maxThrottleKeys {
			clear(t.keys)
		}
		k = &throttled{}
		t.keys[key] = k
	}
	if now.Before(k.next) {
		k.silent++
		return 0, false
	}
	silent, k.silent = k.silent, 0
	k.next = now.Add(t.interval)
	return silent, true
}
