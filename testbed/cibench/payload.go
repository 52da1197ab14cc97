package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/summitobs/summit/testbed/process"
)

// examples are GitHub's payloads of workflow_job.
type examples struct {
	list  []map[string]any
	bytes int
}

// delivery is a signed request.
type delivery struct {
	id     string
	body   []byte
	header http.Header
	// run and job name what it tells of.
	run, job int64
}

func readExamples(root string) (*examples, error) {
	raw, err := os.ReadFile(filepath.Join(root, "receiver", "cireceiver", "testdata", "github", "workflow_job.json"))
	if err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	ex := &examples{}
	if err := json.Unmarshal(raw, &ex.list); err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	if len(ex.list) == 0 {
		return nil, errors.New("there are no examples of workflow_job")
	}
	for _, e := range ex.list {
		b, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		ex.bytes += len(b)
	}
	return ex, nil
}

func (ex *examples) meanKB() float64 { return float64(ex.bytes) / float64(len(ex.list)) / 1000 }

// make writes the i-th delivery: an example under ids of its own, moved to now.
func (ex *examples) make(i int, now time.Time) (delivery, error) {
	body := ex.list[i%len(ex.list)]
	job, ok := body["workflow_job"].(map[string]any)
	if !ok {
		return delivery{}, errors.New("an example has no workflow_job")
	}
	d := delivery{id: fmt.Sprintf("cibench-%d-%d", now.UnixNano(), i), run: 7_000_000 + int64(i)/4, job: 9_000_000 + int64(i)}
	job["id"], job["run_id"] = d.job, d.run
	moved := move(body, now.Sub(newest(job, now)).Truncate(time.Second))
	raw, err := json.Marshal(moved)
	if err != nil {
		return delivery{}, err
	}
	out := signed("workflow_job", d.id, raw)
	out.run, out.job = d.run, d.job
	return out, nil
}

// signed is a delivery of an event as GitHub sends it.
func signed(event, id string, body []byte) delivery {
	mac := hmac.New(sha256.New, []byte(process.Secret))
	mac.Write(body)
	return delivery{id: id, body: body, header: http.Header{
		"Content-Type": {"application/json"}, "X-Github-Event": {event}, "X-Github-Delivery": {id},
		"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
	}}
}

// newest is the last time in the job, or now.
func newest(job map[string]any, now time.Time) time.Time {
	var last time.Time
	for _, key := range []string{"created_at", "started_at", "completed_at"} {
		s, _ := job[key].(string)
		if t, err := time.Parse(time.RFC3339, s); err == nil && t.After(last) {
			last = t
		}
	}
	if last.IsZero() {
		return now
	}
	return last
}

// move shifts every time in a value and leaves the value itself alone.
func move(v any, by time.Duration) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = move(x, by)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = move(x, by)
		}
		return out
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.Add(by).Format(time.RFC3339)
		}
	}
	return v
}
