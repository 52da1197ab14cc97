package cdevents

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

const digest = "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"

// forms are the ways in which one event may come.
var forms = map[string]func(event string) *wire.Delivery{
	"structured": func(event string) *wire.Delivery {
		return wiretest.Delivery(`{"specversion":"1.0","id":"271069a8-fc18-44f1-b38f-9d70a1695819","source":"/event/source/123","type":"`+typeOf(event)+
			`","datacontenttype":"application/json","data":`+event+`}`, "Content-Type", "application/cloudevents+json; charset=utf-8")
	},
	"binary": func(event string) *wire.Delivery {
		return wiretest.Delivery(event, "Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "271069a8-fc18-44f1-b38f-9d70a1695819",
			"ce-source", "/event/source/123", "ce-type", typeOf(event))
	},
	"bare": func(event string) *wire.Delivery { return wiretest.Delivery(event, "Content-Type", "application/json") },
}

func typeOf(event string) string {
	_, rest, _ := strings.Cut(event, `"type":"dev.`)
	kind, _, _ := strings.Cut(rest, `"`)
	return "dev." + kind
}

func take(t *testing.T, name string) []build.Event {
	t.Helper()
	return wiretest.Take(t, Provider{}, forms["binary"](wiretest.Read(t, "cdevents", name+".json")))
}

func TestConformanceEventsInAllForms(t *testing.T) {
	ignored := map[string]bool{"testcaserun_finished.json": true, "incident_detected.json": true}
	for _, name := range wiretest.Names(t, "cdevents") {
		event := wiretest.Read(t, "cdevents", name)
		var first []build.Event
		for form, delivery := range forms {
			h, p := Provider{}.Head(delivery(event))
			require.Nil(t, p, "%s %s", name, form)
			require.Equal(t, strings.TrimSuffix(strings.Replace(name, "_", ".", 1), ".json"), h.Event)
			if ignored[name] {
				require.Equal(t, wire.Ignored, h.Kind)
				continue
			}
			require.Equal(t, "/event/source/123\x00271069a8-fc18-44f1-b38f-9d70a1695819", h.ID)
			parsed, p := Provider{}.Parse(h, wiretest.Now)
			require.Nil(t, p, "%s %s: %v", name, form, p)
			if first == nil {
				first = parsed.Events
			}
			require.Equal(t, first, parsed.Events, "%s %s", name, form)
		}
	}
}

func TestRunValues(t *testing.T) {
	at := wiretest.At("2023-03-20T14:27:05.315384Z")
	finished := wiretest.Run(t, take(t, "pipelinerun_finished"))
	require.Equal(t, "cdevents:local:event/source/123:mySubject123:1", finished.ID())
	require.Equal(t, build.StatusFailure, finished.Status)
	require.Equal(t, "Something went wrong\nWith some more details", finished.Message)
	require.Equal(t, "myPipeline", finished.Pipeline)
	require.Equal(t, at, finished.FinishedAt)
	require.Equal(t, "https://www.example.com/mySubject123", finished.URL)
	queued, started := wiretest.Run(t, take(t, "pipelinerun_queued")), wiretest.Run(t, take(t, "pipelinerun_started"))
	require.Equal(t, build.StatusQueued, queued.Status)
	require.Equal(t, at, queued.CreatedAt)
	require.Equal(t, build.StatusRunning, started.Status)
	require.Equal(t, at, started.StartedAt)
	require.Equal(t, build.StatusFailure, finished.Merge(started).Merge(queued).Status)
	require.Equal(t, queued.Merge(started).Merge(finished), finished.Merge(started).Merge(queued))

	events := take(t, "taskrun_finished")
	require.True(t, wiretest.Run(t, events).Stub)
	require.Equal(t, finished.ID(), wiretest.Run(t, events).ID())
	task := wiretest.Tasks(events, build.KindJob)["mySubject123"]
	require.Equal(t, "myTask", task.Name)
	require.Equal(t, build.StatusFailure, task.Status)
	require.Equal(t, finished.TraceID, task.TraceID)
	require.NotEqual(t, finished.SpanID, task.SpanID)
}

func TestArtifactAndServiceValues(t *testing.T) {
	events := take(t, "build_finished")
	a := wiretest.Artifact(t, events)
	require.Equal(t, digest, a.Digest)
	require.Equal(t, "myapp", a.Name)
	require.Equal(t, wiretest.Run(t, events).RunKey, a.RunKey)
	require.Empty(t, take(t, "artifact_packaged"), "its id holds no digest")
	packaged := strings.Replace(wiretest.Read(t, "cdevents", "artifact_packaged.json"), "pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c",
		"pkg:oci/myapp@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427?repository_url=ghcr.io", 1)
	packaged = strings.Replace(packaged, "myChange123", "6113728f27ae82c7b1a177c8d03f9e96e0adf246", 1)
	a = wiretest.Artifact(t, wiretest.Take(t, Provider{}, forms["bare"](packaged)))
	require.Equal(t, digest, a.Digest)
	require.Equal(t, "6113728f27ae82c7b1a177c8d03f9e96e0adf246", a.CommitSHA)
	require.Equal(t, "my-git.example/an-org/a-repo", a.Repo)
	require.Empty(t, a.RunID)

	d := wiretest.Deployment(t, take(t, "service_deployed"))
	require.Equal(t, "mySubject123", d.Service)
	require.Equal(t, "test123", d.Environment)
	require.Equal(t, []string{digest}, d.Digests)
	require.Equal(t, build.DeploySuccess, d.Status)
	back := wiretest.Deployment(t, take(t, "service_rolledback"))
	require.Equal(t, build.DeploySuccess, back.Status, "the older one is what is deployed now")
	require.Equal(t, "true", back.Attrs["rollback"])
	removed := strings.ReplaceAll(wiretest.Read(t, "cdevents", "service_deployed.json"), "service.deployed", "service.removed")
	require.Equal(t, build.DeployInactive, wiretest.Deployment(t, wiretest.Take(t, Provider{}, forms["bare"](removed))).Status)

	require.Empty(t, take(t, "change_merged"), "its id is no number")
	merged := strings.ReplaceAll(wiretest.Read(t, "cdevents", "change_merged.json"), "mySubject123", "17")
	c := wiretest.Change(t, wiretest.Take(t, Provider{}, forms["structured"](merged)))
	require.Equal(t, "cdevents:example.org:TestRepo/TestOrg:change:17", c.ID())
	require.Equal(t, build.ChangeMerged, c.State)
}

// What CDEvents have no place for comes in custom data under our own key; anybody else's is left alone.
func TestCustomData(t *testing.T) {
	event := wiretest.Read(t, "cdevents", "pipelinerun_started.json")
	with := func(data string) *build.Run {
		return wiretest.Run(t, wiretest.Take(t, Provider{}, forms["bare"](strings.TrimSuffix(event, "}")+`,"customData":`+data+`}`)))
	}
	run := with(`{"summit":{"repo":"acme/shop","commit_sha":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","branch":"main","attempt":2}}`)
	require.Equal(t, "cdevents:local:acme/shop:mySubject123:2", run.ID())
	require.Equal(t, "main", run.Branch)
	require.Equal(t, "6113728f27ae82c7b1a177c8d03f9e96e0adf246", run.CommitSHA)
	for _, data := range []string{`"VGV4dA=="`, `{"repo":"x"}`, `{"summit":7}`, `null`, `[1]`} {
		require.Equal(t, "event/source/123", with(data).Repo, data)
	}
}

func TestOutcomes(t *testing.T) {
	for outcome, want := range map[string]string{
		"success": "success", "": "success", "failure": "failure", "error": "error", "cancel": "cancellation", "cancelled": "cancellation",
		"skip": "skip", "timeout": "timeout", "?": "",
	} {
		s, conclusion := statusOf("finished", outcome)
		require.Equal(t, want, build.Result(s, conclusion), outcome)
	}
}

func TestVerifyHeadAndRefusals(t *testing.T) {
	secrets := [][]byte{[]byte("new"), []byte("old")}
	for value, ok := range map[string]bool{"Bearer new": true, "Bearer old": true, "Bearer x": false, "Basic new": false, "": false, "Bearer ": false} {
		require.Equal(t, ok, Provider{}.Verify(wiretest.Delivery("{}", "Authorization", value), secrets) == nil, value)
	}
	for _, tc := range []struct {
		name   string
		d      *wire.Delivery
		status int
		field  string
	}{
		{"a batch", wiretest.Delivery(`[]`, "Content-Type", "application/cloudevents-batch+json"), 415, ""},
		{"not JSON", wiretest.Delivery(`{`), 400, ""},
		{"another type", wiretest.Delivery(`{}`, "ce-type", "com.example.made"), 400, "type"},
		{"no type", wiretest.Delivery(`{"context":{}}`), 400, "type"},
	} {
		_, p := Provider{}.Head(tc.d)
		require.NotNil(t, p, tc.name)
		require.Equal(t, tc.status, p.Status)
		require.Equal(t, tc.field, p.Field)
	}
	for body, field := range map[string]string{
		`{"context":{"source":"x"},"subject":{}}`: "subject.id", `{"subject":{"id":"x"}}`: "context.source", `{"context":{"timestamp":"soon"}}`: "time",
	} {
		_, p := Provider{}.Parse(wire.Head{Event: "pipelinerun.started", Payload: []byte(body)}, wiretest.Now)
		require.Equal(t, field, p.Field)
	}
	parsed, p := Provider{}.Parse(wire.Head{Event: "pipelinerun.started", Payload: []byte(`{"context":{"source":"https://ci.acme.io:8443/team:a/x"},"subject":{"id":"r:1"}}`)}, wiretest.Now)
	require.Nil(t, p)
	run := wiretest.Run(t, parsed.Events)
	require.Equal(t, "cdevents:ci.acme.io:8443:team_a/x:r_1:1", run.ID())
	key, ok := build.ParseRunID(run.ID())
	require.True(t, ok)
	require.Equal(t, run.RunKey, key)
	require.Equal(t, wiretest.Now, run.StartedAt, "an event without a time happened when it came")
	require.Equal(t, time.UTC, run.StartedAt.Location())
}

func FuzzCDEvents(f *testing.F) {
	for _, name := range []string{"pipelinerun_finished.json", "taskrun_started.json", "service_deployed.json", "build_finished.json", "change_merged.json"} {
		f.Add([]byte(wiretest.Read(f, "cdevents", name)))
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
