package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/build"
)

func TestIDsHaveOneForm(t *testing.T) {
	require.Equal(t, "", spanID(0))
	require.Equal(t, "00000000000000ff", spanID(255))
	require.Equal(t, "", traceID(string(make([]byte, 16))))
	require.Equal(t, "00000000000000000000000000000001", traceID(string(append(make([]byte, 15), 1))))
	require.Equal(t, "", fingerprint(0, "0123456789abcdef"))
	require.Equal(t, "v1:30313233343536373839616263646566", fingerprint(1, "0123456789abcdef"))
	version, fp, err := ParseFingerprint("v1:30313233343536373839616263646566")
	require.NoError(t, err)
	require.Equal(t, fingerprint(1, "0123456789abcdef"), fingerprint(version, string(fp[:])))
	for _, wrong := range []string{"", "v1:", "v1:00", "v2:30313233343536373839616263646566", "30313233343536373839616263646566", "v1:3031323334353637383961626364656g"} {
		_, _, err := ParseFingerprint(wrong)
		require.Error(t, err, wrong)
	}
}

func TestCursorsComeBackAndForeignOnesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Window{From: time.Unix(0, rapid.Int64Range(0, 1<<50).Draw(t, "from")), To: time.Unix(0, 1<<60), Limit: 10, list: "x"}
		keys := rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "keys")
		at := rapid.Int64().Draw(t, "at")
		next := *w.next(at, keys...)
		later := Window{From: w.From.Add(time.Hour), To: w.To.Add(time.Hour), Cursor: next}
		c, err := later.resume("x", len(keys))
		require.NoError(t, err)
		require.Equal(t, at, c.At)
		require.Len(t, c.Keys, len(keys))
		require.True(t, w.From.Equal(later.From) && w.To.Equal(later.To), "the first page's range holds")
		_, err = later.resume("x", len(keys)+1)
		require.Error(t, err)
		_, err = later.resume("y", len(keys))
		require.Error(t, err)
	})
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "e30", "bnVsbA", "eyJrIjpbIiJdLCJmIjoxLCJ0IjoyfQ", "!"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w := Window{From: time.Unix(1, 0), To: time.Unix(2, 0), Cursor: s}
		c, err := w.resume("", 1)
		if err == nil && s != "" {
			require.Len(t, c.Keys, 1)
			require.True(t, w.From.Before(w.To))
		}
	})
}

func TestTheWeakestEvidenceDecides(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"digest", "digest", "digest"}, {"digest", "time", "time"}, {"version", "revision", "version"}, {"none", "digest", "digest"},
		{"none", "none", "none"}, {"", "time", "time"}, {"time", "none", "time"},
	} {
		require.Equal(t, tc.want, weakest(tc.a, tc.b), tc)
		if tc.a != "" {
			require.Equal(t, tc.want, weakest(tc.b, tc.a), tc)
		}
	}
}

func TestStatesBecomeTheFourOfAHop(t *testing.T) {
	for in, want := range map[string]string{
		"success": "ok", "inactive": "ok", "failure": "failed", "timeout": "failed", "cancelled": "failed", "rolled_back": "failed",
		"running": "running", "queued": "running", "waiting": "running", "pending": "running", "in_progress": "running",
		"skipped": "unknown", "unknown": "unknown", "": "unknown",
	} {
		require.Equal(t, want, hopStatus(in), in)
	}
}

func TestEvidenceIsInWords(t *testing.T) {
	ch := &chain{service: "shop"}
	ch.proof.Digests, ch.proof.Revision, ch.proof.Version = []string{"sha256:00112233445566"}, "abcdef0123456789", "1.4.0"
	require.Contains(t, ch.words("digest"), "sha256:001122334455,")
	require.Contains(t, ch.words("revision"), "abcdef012345,")
	require.Contains(t, ch.words("version"), "version 1.4.0 of shop")
	require.Contains(t, ch.words("time"), "guess")
	for _, basis := range []string{"digest", "revision", "version", "time", "none"} {
		words := deployEvidence(Deployment{Basis: basis})
		require.NotEmpty(t, words)
		require.Equal(t, basis == "time", len(words) > 5 && words[len(words)-6:] == "guess.")
	}
}

func TestLineageCountsSevenDaysAtMost(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name  string
		since time.Time
		query LineageQuery
		from  time.Time
		cut   bool
	}{
		{name: "recent", since: now.Add(-time.Hour), from: now.Add(-2 * time.Hour)},
		{name: "old", since: now.Add(-30 * 24 * time.Hour), from: now.Add(time.Minute - longestLineage), cut: true},
		{name: "unknown", from: now.Add(time.Minute - longestLineage), cut: true},
		{name: "asked for", since: now, query: LineageQuery{From: now.AddDate(0, -6, 0), To: now}, from: now.AddDate(0, -6, 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ch := &chain{since: tc.since}
			require.Equal(t, tc.cut, ch.window(tc.query, now))
			require.Equal(t, tc.from, ch.from)
		})
	}
}

func TestGlobalDeploymentID(t *testing.T) {
	repo := build.RunKey{Provider: "github", Host: "ghe.test:8443", Repo: "acme/shop"}
	require.Equal(t, "github:ghe.test:8443:acme/shop:5", globalDeploymentID(repo, "5"))
	require.Equal(t, "github:ghe.test:8443:acme/shop:5", globalDeploymentID(repo, "github:ghe.test:8443:acme/shop:5"))
}
