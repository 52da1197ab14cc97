// Package wiretest helps the tests of providers: it reads the payloads in testdata and gives them to a provider as the
// door does. It stands beside the flow.
package wiretest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Now is the time of receipt in tests.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Dir is the folder with the payloads of a provider.
func Dir(t testing.TB, provider string) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", provider)
}

// Read reads one payload.
func Read(t testing.TB, provider, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Dir(t, provider), name))
	require.NoError(t, err)
	return string(raw)
}

// List reads the payloads of a file that holds an array.
func List(t testing.TB, provider, name string) []string {
	t.Helper()
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(Read(t, provider, name)), &list))
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

// Names are the files of a folder below testdata.
func Names(t testing.TB, provider string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir(t, provider), "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, provider)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// Delivery is a request with headers in pairs.
func Delivery(body string, headers ...string) *wire.Delivery {
	d := &wire.Delivery{Header: http.Header{}, Body: []byte(body)}
	for i := 0; i+1 < len(headers); i += 2 {
		d.Header.Set(headers[i], headers[i+1])
	}
	return d
}

// Take gives a delivery to a provider as the door does and wants it to be used.
func Take(t testing.TB, p wire.Provider, d *wire.Delivery) []build.Event {
	t.Helper()
	h, prob := p.Head(d)
	require.Nil(t, prob)
	require.Equal(t, wire.Used, h.Kind, h.Event)
	parsed, prob := p.Parse(h, Now)
	require.Nil(t, prob, "%s: %v", h.Event, prob)
	return parsed.Events
}

// At reads a time of RFC 3339.
func At(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// one is the only event of its kind among events.
func one[T build.Event](t testing.TB, events []build.Event) T {
	t.Helper()
	var found []T
	for _, ev := range events {
		if e, ok := ev.(T); ok {
			found = append(found, e)
		}
	}
	require.Len(t, found, 1, "%T among %d events", *new(T), len(events))
	return found[0]
}

// Run is the only run among events.
func Run(t testing.TB, events []build.Event) *build.Run {
	t.Helper()
	return one[*build.Run](t, events)
}

// Deployment is the only deployment among events.
func Deployment(t testing.TB, events []build.Event) *build.Deployment {
	t.Helper()
	return one[*build.Deployment](t, events)
}

// Change is the only change among events.
func Change(t testing.TB, events []build.Event) *build.Change {
	t.Helper()
	return one[*build.Change](t, events)
}

// Release is the only release among events.
func Release(t testing.TB, events []build.Event) *build.Release {
	t.Helper()
	return one[*build.Release](t, events)
}

// Artifact is the only artifact among events.
func Artifact(t testing.TB, events []build.Event) *build.Artifact {
	t.Helper()
	return one[*build.Artifact](t, events)
}

// Commits are the commits among events.
func Commits(events []build.Event) []*build.Commit {
	var out []*build.Commit
	for _, ev := range events {
		if c, ok := ev.(*build.Commit); ok {
			out = append(out, c)
		}
	}
	return out
}

// Tasks are the tasks of a kind among events, by their id.
func Tasks(events []build.Event, kind build.TaskKind) map[string]*build.Task {
	out := map[string]*build.Task{}
	for _, ev := range events {
		if t, ok := ev.(*build.Task); ok && t.Kind == kind {
			out[t.ID] = t
		}
	}
	return out
}

// NoMail fails when an event holds an e-mail address.
func NoMail(t testing.TB, events []build.Event) {
	t.Helper()
	for _, ev := range events {
		raw, err := json.Marshal(ev)
		require.NoError(t, err)
		require.NotRegexp(t, `[A-Za-z0-9._+-]+@[A-Za-z0-9-]+\.[a-z]`, string(raw))
	}
}
