package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/summitobs/summit/receiver/cireceiver"
	"github.com/summitobs/summit/testbed/process"
)

// door is a mux with the one method that the receiver needs of the ingest door.
type door struct {
	component.StartFunc
	component.ShutdownFunc
	*http.ServeMux
}

func (d door) Handle(pattern string, h http.Handler) error {
	d.ServeMux.Handle(pattern, h)
	return nil
}

type host struct {
	component.Host
	door door
}

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("summit_door"): h.door}
}

// cpu is the processor time of one delivery in µs, the best of several measurements.
func (o options) cpu(ctx context.Context, ex *examples) (float64, error) {
	best := 0.0
	for range o.best {
		v, err := o.cpuOnce(ctx, ex)
		if err != nil {
			return 0, err
		}
		if best == 0 || v < best {
			best = v
		}
	}
	return best, nil
}

func (o options) cpuOnce(ctx context.Context, ex *examples) (perDelivery float64, err error) {
	factory := cireceiver.NewFactory()
	cfg := factory.CreateDefaultConfig().(*cireceiver.Config)
	secret := configopaque.String(process.Secret)
	cfg.Webhooks.GitHub = &cireceiver.WebhookConfig{Secrets: []cireceiver.SecretConfig{{Secret: &secret}}}
	set := receivertest.NewNopSettings(cireceiver.Type)
	logs, err := factory.CreateLogs(ctx, set, cfg, consumertest.NewNop())
	if err != nil {
		return 0, err
	}
	if _, err := factory.CreateTraces(ctx, set, cfg, consumertest.NewNop()); err != nil {
		return 0, err
	}
	d := door{ServeMux: http.NewServeMux()}
	if err := logs.Start(ctx, host{componenttest.NewNopHost(), d}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, logs.Shutdown(ctx)) }()
	now := time.Now()
	deliveries := make([]delivery, o.n)
	for i := range deliveries {
		if deliveries[i], err = ex.make(i, now); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	before, err := used()
	if err != nil {
		return 0, err
	}
	for i := range deliveries {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/ci/github", bytes.NewReader(deliveries[i].body))
		if err != nil {
			return 0, err
		}
		req.Header = deliveries[i].header
		w := httptest.NewRecorder()
		d.ServeHTTP(w, req)
		if w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte(`"stored"`)) {
			return 0, fmt.Errorf("delivery %d: status %d: %s", i, w.Code, w.Body)
		}
	}
	after, err := used()
	if err != nil {
		return 0, err
	}
	return float64((after - before).Microseconds()) / float64(o.n), nil
}

// used is the processor time of this process.
func used() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
