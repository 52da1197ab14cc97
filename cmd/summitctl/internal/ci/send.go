package ci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

// tokenVariable holds the token of the door.
const tokenVariable = "SUMMIT_CI_TOKEN"

const (
	sendTries = 6
	maxAnswer = 1 << 20
)

// door is where events and reports are taken.
type door struct {
	base, token string
	client      *http.Client
	// pause is the first wait between two tries.
	pause time.Duration
}

func newDoor(base string) *door {
	return &door{base: base, token: os.Getenv(tokenVariable), client: &http.Client{Timeout: 2 * time.Minute}, pause: 500 * time.Millisecond}
}

// post sends a body, again when the door is busy or out of reach for a moment: what is sent has ids of its own, so twice is
// once. It gives the JSON answer.
func (d *door) post(ctx context.Context, path string, header http.Header, body []byte) (json.RawMessage, error) {
	defer d.client.CloseIdleConnections()
	pause := d.pause
	for try := 1; ; try++ {
		answer, again, err := d.try(ctx, path, header, body)
		if err == nil || again < 0 || try == sendTries {
			return answer, err
		}
		timer := time.NewTimer(max(pause, again))
		pause *= 2
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
	}
}

// try gives how long to wait for the next one, less than zero when that would be no use.
func (d *door) try(ctx context.Context, path string, header http.Header, body []byte) (json.RawMessage, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, -1, exit.With(exit.Usage, fmt.Errorf("address %s: %w", d.base, err))
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "summitctl")
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, 0, &exit.Error{Code: exit.Failed, Err: fmt.Errorf("send to Summit's door at %s: %w", d.base, err), Hint: "SUMMIT_DOOR says where the door is"}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, 0, fmt.Errorf("read the door's answer: %w", err)
	}
	if resp.StatusCode < 300 {
		if !json.Valid(answer) {
			return nil, -1, &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s%s answered something that is no JSON", d.base, path), Hint: "SUMMIT_DOOR may be the address of another server"}
		}
		return answer, 0, nil
	}
	again := time.Duration(-1)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own pause
		again = min(time.Duration(max(seconds, 0))*time.Second, 30*time.Second)
	}
	return nil, again, refusal(resp, answer)
}

// refusal makes an error of the door's problem document.
func refusal(resp *http.Response, answer []byte) error {
	var p client.Problem
	text := strings.TrimSpace(string(answer))
	if json.Unmarshal(answer, &p) == nil && p.Detail+p.Title != "" {
		text = or(p.Detail, p.Title)
		if p.Field != "" {
			text = p.Field + " " + text
		}
		if len(p.Allowed) > 0 {
			text += " (allowed: " + strings.Join(p.Allowed, ", ") + ")"
		}
	}
	e := &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the door answered %s: %s", resp.Status, text)}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Code, e.Hint = exit.Denied, "set "+tokenVariable+" to the token that the door is opened with"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		e.Code = exit.Usage
	}
	return e
}

// event gives the fields of an event of the job's run.
func (j *Job) event(kind string) map[string]any {
	e := map[string]any{"type": kind}
	set(e, "provider", j.Run.Provider)
	set(e, "host", j.Run.Host)
	set(e, "repo", j.Run.Repo)
	set(e, "commit_sha", j.CommitSHA)
	return e
}

func set(e map[string]any, key, value string) {
	if value != "" {
		e[key] = value
	}
}

// sendEvents sends events through the generic door.
func (d *door) sendEvents(ctx context.Context, events []map[string]any) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return nil, fmt.Errorf("encode events: %w", err)
	}
	return d.post(ctx, "/v1/ci/events", http.Header{"Content-Type": {"application/json"}}, body)
}
