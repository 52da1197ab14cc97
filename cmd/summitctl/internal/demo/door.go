package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/secret"
	"github.com/summitobs/summit/internal/faker"
)

// door delivers to the ingest door as CI systems do.
type door struct {
	base   string
	key    []byte
	client *http.Client
}

func newDoor(base, key string) *door {
	return &door{base: base, key: []byte(key), client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

func (d *door) close() error {
	d.client.CloseIdleConnections()
	return nil
}

// hasRoute tells whether a route is served. A GET is none that it takes, so anything but an unknown path will do.
func (d *door) hasRoute(ctx context.Context, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s: %s", target, resp.Status)
	}
	return nil
}

const deliveryTries = 8

// deliver sends one delivery, again when the server is busy.
func (d *door) deliver(ctx context.Context, del faker.Delivery) error {
	for try := 1; ; try++ {
		pause, err := d.try(ctx, del)
		if err == nil || pause == 0 || try == deliveryTries {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// try gives a pause when the same may be sent again after it.
func (d *door) try(ctx context.Context, del faker.Delivery) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+del.Path, bytes.NewReader(del.Body))
	if err != nil {
		return 0, err
	}
	req.Header = del.Header(d.key)
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, &exit.Error{
			Code: exit.Failed, Err: fmt.Errorf("deliver %s: %w", name(del), err), Hint: "is the door " + d.base + " open? `summitctl doctor` looks",
		}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return 0, fmt.Errorf("read the answer to %s: %w", name(del), err)
	}
	if resp.StatusCode < 300 {
		return 0, nil
	}
	refused := &exit.Error{Code: exit.Failed, Err: fmt.Errorf("deliver %s: %s: %s", name(del), resp.Status, strings.TrimSpace(string(answer)))}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	switch {
	case err == nil && (resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests):
		return time.Duration(max(seconds, 1)) * time.Second, refused
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusServiceUnavailable:
		refused.Code = exit.Denied
		refused.Hint = "the server and the demo must have the same webhook secret: start both with " + secret.Env + " set, or the server with `summitctl up`"
	}
	return 0, refused
}

func name(del faker.Delivery) string {
	if del.Event != "" {
		return del.Event
	}
	return "an event to " + del.Path
}

// deliverAll sends deliveries over several connections, about in their order, which the receiver doesn't need.
func (d *door) deliverAll(ctx context.Context, all []faker.Delivery, done func(n int)) error {
	const connections = 8
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work, results := make(chan faker.Delivery), make(chan error)
	for range connections {
		go func() {
			for del := range work {
				results <- d.deliver(ctx, del)
			}
		}()
	}
	go func() {
		defer close(work)
		for _, del := range all {
			work <- del
		}
	}()
	var failed error
	for n := range all {
		if err := <-results; err != nil && failed == nil && !errors.Is(err, context.Canceled) {
			failed = err
			cancel(err) // the rest fails at once
		}
		done(n + 1)
	}
	if failed == nil {
		failed = ctx.Err()
	}
	return failed
}
