package cireceiver

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
)

// Every example of the five events is taken, and its last known state is in what was sent on.
func TestAllExamplesAreTaken(t *testing.T) {
	want := map[string]int{"workflow_run": 5, "workflow_job": 8, "deployment": 4, "deployment_status": 4, "push": 7}
	h := start(t, testConfig())
	n := 0
	for event, count := range want {
		list := examples(t, event)
		require.Len(t, list, count, event)
		for i, body := range list {
			n++
			code, got := h.github(event, strconv.Itoa(n), body)
			require.Equal(t, 200, code, "%s %d: %v", event, i, got)
			_, prob := parseGitHub(event, []byte(body))
			require.Nil(t, prob)
		}
	}
	total := int64(0)
	for key, v := range h.counted() {
		require.NotContains(t, key, "refused", key)
		total += v
	}
	require.Equal(t, int64(28), total)
}

func TestGitHubRefuses(t *testing.T) {
	const repo = `"repository":{"id":1,"full_name":"a/b"}`
	for _, tc := range []struct{ name, event, body, field, detail string }{
		{"not JSON", "push", `{`, "", "ends before its JSON does"},
		{"garbage", "push", `{"a" 1}`, "", "isn't valid JSON at byte"},
		{"two values", "push", `{` + repo + `}{}`, "", "more than one JSON value"},
		{"invalid UTF-8", "push", "{\"ref\":\"\xff\"}", "", "isn't valid UTF-8"},
		{"no repository", "workflow_run", `{"workflow_run":{"id":1}}`, "repository.full_name", "is missing"},
		{"no run", "workflow_run", `{` + repo + `}`, "workflow_run", "is missing"},
		{"no run id", "workflow_run", `{` + repo + `,"workflow_run":{}}`, "workflow_run.id", "is missing"},
		{"no job", "workflow_job", `{` + repo + `}`, "workflow_job", "is missing"},
		{"no run of the job", "workflow_job", `{` + repo + `,"workflow_job":{"id":1}}`, "workflow_job.run_id", "is missing"},
		{"no deployment", "deployment", `{` + repo + `}`, "deployment", "is missing"},
		{"no status", "deployment_status", `{` + repo + `,"deployment":{"id":1}}`, "deployment_status", "is missing"},
		{"wrong type", "workflow_run", `{` + repo + `,"workflow_run":{"id":"x"}}`, "workflow_run.id", "is a JSON string, want a number"},
		{"wrong time", "workflow_run", `{` + repo + `,"workflow_run":{"id":1,"created_at":"soon"}}`, "time", `"soon" is no time`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, testConfig())
			code, got := h.github(tc.event, "1", tc.body)
			require.Equal(t, 400, code)
			require.Contains(t, got["detail"], tc.detail)
			if tc.field != "" {
				require.Equal(t, tc.field, got["field"])
			}
			require.Empty(t, h.calls)
		})
	}
}

// A deployment without a run of its own gets the run that its evidence names.
func TestDeploymentIsLinkedToItsRun(t *testing.T) {
	h := start(t, testConfig())
	sha := fmt.Sprintf("%040x", 0xabc)
	code, _ := h.events(`{"type":"run","provider":"github","host":"github.com","repo":"a/b","run_id":"7","status":"success","commit_sha":"` + sha + `","finished_at":"2026-03-01T12:00:00Z"}`)
	require.Equal(t, 200, code)
	code, _ = h.github("deployment_status", "1", `{"repository":{"id":1,"full_name":"a/b"},"deployment":{"id":5,"sha":"`+sha+`","environment":"production",
"created_at":"2026-03-01T12:01:00Z"},"deployment_status":{"state":"success","created_at":"2026-03-01T12:02:00Z"}}`)
	require.Equal(t, 200, code)
	d := h.stored()["deployment github:github.com:a/b:5 "].(*build.Deployment)
	require.Equal(t, "github:github.com:a/b:7:1", d.BuildRunID)
	require.Equal(t, envelope.BasisRevision, d.Basis)
}
