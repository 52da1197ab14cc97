package azuredevops

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

func take(t *testing.T, body string) []build.Event {
	t.Helper()
	events := wiretest.Take(t, Provider{}, wiretest.Delivery(body))
	wiretest.NoMail(t, events)
	return events
}

func TestWholeCorpusIsRead(t *testing.T) {
	for _, name := range wiretest.Names(t, "azuredevops") {
		require.NotEmpty(t, take(t, wiretest.Read(t, "azuredevops", name)), name)
	}
}

func TestBuildValues(t *testing.T) {
	body := wiretest.Read(t, "azuredevops", "build.complete.json")
	run := wiretest.Run(t, take(t, body))
	require.Equal(t, "azuredevops:dev.azure.com:fabrikam-fiber-inc/71777fbc-1cf2-4bd1-9540-128c1c71f766:2:1", run.ID())
	require.Equal(t, "ConsumerAddressModule", run.Pipeline)
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, "master", run.Branch)
	require.Equal(t, "600c52d2d5b655caa111abfd863e5a9bd304bb0e", run.CommitSHA)
	require.Equal(t, "manual", run.Trigger)
	require.Equal(t, 123860*time.Millisecond, run.Duration)
	require.Equal(t, build.HashActor("azuredevops", "dev.azure.com", "d6245f20-2af8-44f4-9451-8107cb2767db"), run.ActorHash)
	h, p := Provider{}.Head(wiretest.Delivery(body))
	require.Nil(t, p)
	require.Equal(t, "4a5d99d6-1c75-4e53-91b9-ee80057d4ce3", h.ID)

	// The newer resource, by the fields that its reference names.
	run = wiretest.Run(t, take(t, `{"id":"1","eventType":"build.complete","createdDate":"2026-03-01T12:05:01Z","resource":{"id":7,"buildNumber":"20260301.1",
"url":"https://dev.azure.com/acme/be9b3917-87e6-42a4-a549-2bc06a7a878f/_apis/build/Builds/7","_links":{"web":{"href":"https://dev.azure.com/acme/shop/_build/results?buildId=7"}},
"status":"completed","result":"partiallySucceeded","queueTime":"2026-03-01T12:00:00Z","startTime":"2026-03-01T12:00:30Z","finishTime":"2026-03-01T12:05:00Z","reason":"individualCI",
"sourceBranch":"refs/heads/main","sourceVersion":"600c52d2d5b655caa111abfd863e5a9bd304bb0e","definition":{"id":3,"name":"shop-ci"},"project":{"id":"be9b3917","name":"shop"},
"requestedFor":{"displayName":"Ann","uniqueName":"ann@acme.io","id":"u1"}},"resourceContainers":{"project":{"id":"be9b3917"}}}`))
	require.Equal(t, "azuredevops:dev.azure.com:acme/shop:7:1", run.ID())
	require.Equal(t, 30*time.Second, run.Queued)
	require.Equal(t, "https://dev.azure.com/acme/shop/_build/results?buildId=7", run.URL)
	require.Equal(t, "partiallySucceeded", run.Attrs[build.KeyConclusion])
}

// Runs and jobs of pipelines as they change, by the fields that their reference names.
func TestPipelineValues(t *testing.T) {
	const run = `"run":{"_links":{"web":{"href":"https://dev.azure.com/acme/shop/_build/results?buildId=7"}},"state":"%S","result":"%R","createdDate":"2026-03-01T12:00:00Z","finishedDate":%F,"url":"https://dev.azure.com/acme/shop/_apis/pipelines/3/runs/7","id":7,"name":"20260301.1"},"pipeline":{"id":3,"name":"shop-ci"},"repositories":[{"change":{"version":"600c52d2d5b655caa111abfd863e5a9bd304bb0e"}}]`
	body := func(event, created, state, result, finished, job string) string {
		r := strings.NewReplacer("%S", state, "%R", result, "%F", finished).Replace(run)
		return `{"id":"1","eventType":"` + event + `","createdDate":"` + created + `","resource":{` + r + job + `},"resourceContainers":{"project":{"id":"be9b3917"}}}`
	}
	running := wiretest.Run(t, take(t, body(runChanged, "2026-03-01T12:00:05Z", "inProgress", "", "null", "")))
	require.Equal(t, "azuredevops:dev.azure.com:acme/shop:7:1", running.ID())
	require.Equal(t, build.StatusRunning, running.Status)
	require.Equal(t, "shop-ci", running.Pipeline)
	done := wiretest.Run(t, take(t, body(runChanged, "2026-03-01T12:05:05Z", "completed", "failed", `"2026-03-01T12:05:00Z"`, "")))
	require.Equal(t, build.StatusFailure, running.Merge(done).Status)
	require.Equal(t, running.Merge(done), done.Merge(running))
	require.Equal(t, 5*time.Minute, done.Duration)
	require.Equal(t, "600c52d2d5b655caa111abfd863e5a9bd304bb0e", done.CommitSHA)

	events := take(t, body(jobChanged, "2026-03-01T12:02:00Z", "inProgress", "", "null",
		`,"job":{"id":"j1","name":"Build","state":"completed","result":"abandoned","startTime":"2026-03-01T12:01:00Z","finishTime":"2026-03-01T12:02:00Z"},"stage":{"name":"Build/Test"}`))
	require.True(t, wiretest.Run(t, events).Stub)
	job := wiretest.Tasks(events, build.KindJob)["j1"]
	require.Equal(t, build.StatusTimeout, job.Status)
	require.Equal(t, time.Minute, job.Duration)
	require.Equal(t, "Build_Test", job.ParentID)
	require.Equal(t, running.TraceID, job.TraceID)
}

func TestGitValues(t *testing.T) {
	push := wiretest.Commits(take(t, wiretest.Read(t, "azuredevops", "git.push.json")))
	require.Len(t, push, 1)
	require.Equal(t, "azuredevops:dev.azure.com:fabrikam-fiber-inc/Fabrikam-Fiber-Git:33b55f7cb7e7e245323987634f960cf4a6e6bc74", push[0].ID())
	require.Equal(t, "main", push[0].Branch)
	require.Equal(t, "Jamal Hartnett", push[0].Author)
	merged := wiretest.Change(t, take(t, wiretest.Read(t, "azuredevops", "git.pullrequest.merged.json")))
	require.Equal(t, build.ChangeMerged, merged.State)
	require.Equal(t, "eef717f69257a6333f221566c1c987dc94cc0d72", merged.MergeSHA)
	require.Equal(t, "53d54ac915144006c2c9e90d2c7d3880920db49c", merged.HeadSHA)
	require.Equal(t, "mytopic", merged.HeadBranch)
	require.Equal(t, wiretest.At("2014-06-30T18:59:12.3660573Z"), merged.MergedAt)
	require.Equal(t, build.ChangeOpen, wiretest.Change(t, take(t, wiretest.Read(t, "azuredevops", "git.pullrequest.created.json"))).State)
}

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		state, result string
		want          build.Status
	}{
		{"completed", "succeeded", build.StatusSuccess}, {"succeeded", "", build.StatusSuccess}, {"stopped", "", build.StatusCancelled}, {"failed", "", build.StatusFailure},
		{"completed", "canceled", build.StatusCancelled}, {"completed", "skipped", build.StatusSkipped}, {"inProgress", "", build.StatusRunning},
		{"notStarted", "", build.StatusQueued}, {"waiting", "", build.StatusWaiting}, {"completed", "?", build.StatusUnknown},
	} {
		require.Equal(t, tc.want, statusOf(tc.state, tc.result), tc.state+" "+tc.result)
	}
}

func TestSources(t *testing.T) {
	d := &delivery[buildResource]{}
	d.ResourceContainers.Project.ID = "p1"
	for address, want := range map[string]string{
		"https://dev.azure.com/acme/shop/_apis/build/Builds/7":                    "acme/shop",
		"https://acme.visualstudio.com/shop/_apis/build/Builds/7":                 "acme/shop",
		"https://acme.visualstudio.com/DefaultCollection/_apis/build/Builds/7":    "acme/p1",
		"https://tfs.acme.io/DefaultCollection/shop/_apis/build/Builds/7":         "DefaultCollection/shop",
		"https://dev.azure.com/acme/DefaultCollection/shop/_apis/build/Builds/7 ": "acme/shop",
		"": "",
	} {
		require.Equal(t, want, d.sourceOf(address, "").repo, address)
	}
}

func TestVerifyHeadAndRefusals(t *testing.T) {
	secrets := [][]byte{[]byte("new"), []byte("old")}
	for password, ok := range map[string]bool{"new": true, "old": true, "x": false, "": false} {
		d := wiretest.Delivery("{}")
		if password != "" {
			d.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("summit:"+password)))
		}
		require.Equal(t, ok, Provider{}.Verify(d, secrets) == nil, password)
	}
	h, p := Provider{}.Head(wiretest.Delivery(`{"eventType":"workitem.created"}`))
	require.Nil(t, p)
	require.Equal(t, wire.Ignored, h.Kind)
	_, p = Provider{}.Head(wiretest.Delivery(`{}`))
	require.Equal(t, "eventType", p.Field)
	const url = `"url":"https://dev.azure.com/a/b/_apis/x"`
	for _, tc := range []struct{ event, resource, field string }{
		{buildComplete, `{"id":1}`, "resource.url"},
		{buildComplete, `{` + url + `}`, "resource.id"},
		{runChanged, `{}`, "resource.run"},
		{runChanged, `{"run":{` + url + `}}`, "resource.run.id"},
		{jobChanged, `{"run":{"id":1,` + url + `}}`, "resource.job.id"},
		{gitPush, `{}`, "resource.repository.remoteUrl"},
		{prCreated, `{"repository":{"remoteUrl":"https://dev.azure.com/a/b/_git/c"}}`, "resource.pullRequestId"},
	} {
		_, p := Provider{}.Parse(wire.Head{Event: tc.event, Payload: []byte(`{"resource":` + tc.resource + `}`)}, wiretest.Now)
		require.NotNil(t, p, tc.field)
		require.Equal(t, tc.field, p.Field)
	}
}

func FuzzAzureDevOps(f *testing.F) {
	for _, name := range []string{"build.complete.json", "git.push.json", "git.pullrequest.merged.json"} {
		f.Add([]byte(wiretest.Read(f, "azuredevops", name)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, p := Provider{}.Head(wiretest.Delivery(string(b)))
		if p != nil || h.Kind != wire.Used {
			return
		}
		parsed, p := Provider{}.Parse(h, wiretest.Now)
		if p != nil {
			require.Equal(t, 400, p.Status)
			return
		}
		for _, ev := range parsed.Events {
			build.Graph(ev)
		}
	})
}
