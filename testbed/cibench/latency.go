package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/summitobs/summit/testbed/process"
)

// latencies are in ms.
type latencies struct {
	n             int
	p50, p99, max float64
}

// latency delivers at a steady rate to the built collector. Each delivery is sent at its time whether or not those before
// it were answered, as a provider does; the time counts from when it should have been sent.
func (o options) latency(ctx context.Context, ex *examples) (out latencies, err error) {
	dir, err := os.MkdirTemp("", "summit-cibench-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	places, err := process.NewPlaces(ctx)
	if err != nil {
		return out, err
	}
	server, err := process.Standalone(dir, places)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, server.Stop(time.Minute)) }()
	if err := server.WaitReady(ctx, places); err != nil {
		return out, err
	}
	took, err := o.deliver(ctx, ex, "http://"+places.Door+"/v1/ci/github")
	if err != nil {
		return out, err
	}
	slices.Sort(took)
	ms := func(q float64) float64 { return took[min(len(took)-1, int(q*float64(len(took))))].Seconds() * 1000 }
	return latencies{n: len(took), p50: ms(0.5), p99: ms(0.99), max: ms(1)}, nil
}

func (o options) deliver(ctx context.Context, ex *examples, url string) ([]time.Duration, error) {
	n := int(o.length.Seconds() * float64(o.rate))
	now := time.Now()
	deliveries := make([]delivery, n)
	var err error
	for i := range deliveries {
		if deliveries[i], err = ex.make(i, now); err != nil {
			return nil, err
		}
	}
	took, errs := make([]time.Duration, n), make([]error, n)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range deliveries {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(o.rate))
		if err := sleepUntil(ctx, at); err != nil {
			return nil, err
		}
		wg.Go(func() {
			status, answer, err := process.Post(ctx, url, deliveries[i].header, deliveries[i].body)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", status, answer)
			}
			took[i], errs[i] = time.Since(at), err
		})
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

func sleepUntil(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
