package bitbucket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

// events are the headers that go with the files of the corpus.
var events = map[string]string{
	"repo-commit-status-created.json": "repo:commit_status_created", "repo-commit-status-updated.json": "repo:commit_status_updated", "repo-push.json": "repo:push",
	"pull-request-created.json": "pullrequest:created", "pull-request-updated.json": "pullrequest:updated", "pull-request-merged.json": "pullrequest:fulfilled",
	"pull-request-declined.json": "pullrequest:rejected", "issue-created.json": "issue:created",
}

func take(t *testing.T, name string) []build.Event {
	t.Helper()
	out := wiretest.Take(t, Provider{}, wiretest.Delivery(wiretest.Read(t, "bitbucket", name), "X-Event-Key", events[name]))
	wiretest.NoMail(t, out)
	return out
}

func TestWholeCorpusIsRead(t *testing.T) {
	for _, name := range wiretest.Names(t, "bitbucket") {
		if name == "issue-created.json" {
			h, p := Provider{}.Head(wiretest.Delivery("{}", "X-Event-Key", events[name]))
			require.Nil(t, p)
			require.Equal(t, wire.Ignored, h.Kind)
			continue
		}
		require.NotEmpty(t, take(t, name), name)
	}
}

func TestStatusValues(t *testing.T) {
	created, updated := wiretest.Run(t, take(t, "repo-commit-status-created.json")), wiretest.Run(t, take(t, "repo-commit-status-updated.json"))
	require.Equal(t, "bitbucket.org", updated.Host)
	require.Equal(t, "team_name/repo_name", updated.Repo)
	require.Equal(t, created.ID(), updated.ID(), "one key of one commit is one run")
	require.Equal(t, build.StatusSuccess, updated.Status)
	require.Equal(t, "Unit Tests (Python)", updated.Pipeline)
	require.Equal(t, "9fec847784abb10b2fa567ee63b85bd238955d0e", updated.CommitSHA)
	require.Equal(t, wiretest.At("2015-11-19T20:37:35.547563Z"), updated.CreatedAt)
	require.Equal(t, wiretest.At("2015-11-20T08:01:16.433108Z"), updated.FinishedAt)
	require.Equal(t, created.Merge(updated), updated.Merge(created))

	own := wiretest.Read(t, "bitbucket", "repo-commit-status-updated.json")
	own = strings.Replace(own, "https://my-build-tool.com/builds/MY-PROJECT/BUILD-792", "https://bitbucket.org/team_name/repo_name/addon/pipelines/home#!/results/77", 1)
	run := wiretest.Run(t, wiretest.Take(t, Provider{}, wiretest.Delivery(own, "X-Event-Key", "repo:commit_status_updated")))
	require.Equal(t, "77", run.RunID, "the number of one of its own pipelines")
	require.NotEqual(t, updated.TraceID, run.TraceID)
	require.Len(t, updated.RunID, 16)
	require.NotEqual(t, runID("a", "", "b"), runID("ab", "", ""))
	for state, want := range map[string]build.Status{
		"INPROGRESS": build.StatusRunning, "STOPPED": build.StatusCancelled, "FAILED": build.StatusFailure, "SUCCESSFUL": build.StatusSuccess, "": build.StatusUnknown,
	} {
		require.Equal(t, want, statusOf(state), state)
	}
}

func TestPushAndChangeValues(t *testing.T) {
	push := wiretest.Commits(take(t, "repo-push.json"))
	require.NotEmpty(t, push)
	require.Equal(t, "name-of-branch", push[0].Branch)
	hashes := map[string]bool{}
	for _, c := range push {
		require.False(t, hashes[c.SHA])
		hashes[c.SHA] = true
	}
	require.True(t, hashes["709d658dc5b6d6afcd46049c2f332ee3f515a67d"])
	merged := wiretest.Change(t, take(t, "pull-request-merged.json"))
	require.NotZero(t, merged.Number)
	require.NotEmpty(t, merged.Title)
	require.Equal(t, build.ChangeMerged, merged.State)
	require.Equal(t, build.ChangeClosed, wiretest.Change(t, take(t, "pull-request-declined.json")).State)
	require.Equal(t, build.ChangeOpen, wiretest.Change(t, take(t, "pull-request-updated.json")).State)
}

func TestVerifyHeadAndRefusals(t *testing.T) {
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("{}"))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	secrets := [][]byte{[]byte("new"), []byte("old")}
	for value, ok := range map[string]bool{sign("new"): true, sign("old"): true, sign("x"): false, "": false, strings.TrimPrefix(sign("new"), "sha256="): false} {
		require.Equal(t, ok, Provider{}.Verify(wiretest.Delivery("{}", "X-Hub-Signature", value), secrets) == nil, value)
	}
	h, p := Provider{}.Head(wiretest.Delivery("{}", "X-Event-Key", "diagnostics:ping", "X-Request-UUID", "u"))
	require.Nil(t, p)
	require.Equal(t, wire.Ping, h.Kind)
	require.Equal(t, "u", h.ID)
	_, p = Provider{}.Head(wiretest.Delivery("{}"))
	require.Equal(t, "X-Event-Key", p.Field)
	for _, tc := range []struct{ event, body, field string }{
		{"repo:push", `{}`, "repository.full_name"},
		{"repo:push", `{"repository":{"full_name":"a/b"}}`, "push"},
		{"repo:commit_status_created", `{"repository":{"full_name":"a/b"}}`, "commit_status.key"},
		{"repo:commit_status_created", `{"repository":{"full_name":"a/b"},"commit_status":{"key":"k"}}`, "commit_status.links.commit.href"},
		{"pullrequest:created", `{"repository":{"full_name":"a/b"}}`, "pullrequest.id"},
	} {
		_, p := Provider{}.Parse(wire.Head{Event: tc.event, Payload: []byte(tc.body)}, wiretest.Now)
		require.Equal(t, tc.field, p.Field)
	}
}

func FuzzBitbucket(f *testing.F) {
	for name, event := range events {
		f.Add(event, []byte(wiretest.Read(f, "bitbucket", name)))
	}
	f.Fuzz(func(t *testing.T, event string, b []byte) {
		parsed, p := Provider{}.Parse(wire.Head{Event: event, Payload: b}, wiretest.Now)
		if p != nil {
			require.Equal(t, 400, p.Status)
			return
		}
		for _, ev := range parsed.Events {
			build.Graph(ev)
		}
	})
}
