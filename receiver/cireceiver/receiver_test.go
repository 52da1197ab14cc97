package cireceiver

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/receiver/cireceiver/internal/github"
)

func TestConfig(t *testing.T) {
	github := func(m map[string]any) map[string]any { return map[string]any{"webhooks": map[string]any{"github": m}} }
	secrets := func(s ...any) map[string]any { return github(map[string]any{"secrets": s}) }
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "default"},
		{name: "two secrets", conf: secrets(map[string]any{"secret_env": "A"}, map[string]any{"secret_file": "/run/secrets/b"})},
		{name: "insecure", conf: github(map[string]any{"insecure": true})},
		{name: "no secret", conf: github(map[string]any{}), err: "webhooks::github::secrets must name at least one secret, or insecure: true"},
		{name: "empty secret", conf: secrets(map[string]any{"secret": ""}), err: "webhooks::github::secrets[0]: secret is empty"},
		{name: "two sources", conf: secrets(map[string]any{"secret": "x", "secret_env": "A"}), err: "secrets[0]: exactly one of secret_file, secret_env and secret"},
		{name: "no source", conf: secrets(map[string]any{}), err: "exactly one of secret_file, secret_env and secret must be set, got 0"},
		{name: "token", conf: map[string]any{"events": map[string]any{"tokens": []any{map[string]any{}}}}, err: "events::tokens[0]: exactly one of"},
		{name: "tenant", conf: map[string]any{"tenant": "me"}, err: `tenant: tenant id "me": want a UUID`},
		{name: "door", conf: map[string]any{"door": ""}, err: "door"},
		{name: "unknown", conf: map[string]any{"webhooks": map[string]any{"gitea": map[string]any{}}}, err: "gitea"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			err := confmap.NewFromStringMap(tc.conf).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
	require.ErrorContains(t, (&Config{Tenant: "default"}).Validate(), "door must name an extension")
}

func TestStartRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	t.Setenv("SUMMIT_TEST_EMPTY", "")
	id := component.MustNewID
	for _, tc := range []struct {
		name string
		edit func(*Config, *testDoor)
		err  string
	}{
		{"no door", func(c *Config, _ *testDoor) { c.Door = id("other") }, `door: there is no extension "other"`},
		{"a door that is none", func(c *Config, _ *testDoor) { c.Door = id("summit_buildindex") }, `"summit_buildindex" takes no routes`},
		{"no index", func(c *Config, _ *testDoor) { c.BuildIndex = id("other") }, `build_index: there is no extension "other"`},
		{"an index that is none", func(c *Config, _ *testDoor) { c.BuildIndex = id("summit_door") }, `"summit_door" is no build index`},
		{"a route that is taken", func(_ *Config, d *testDoor) { d.taken = errors.New("conflicts") }, "conflicts"},
		{"an empty variable", func(c *Config, _ *testDoor) {
			c.Webhooks.GitHub.Secrets = []SecretConfig{{SecretEnv: "SUMMIT_TEST_EMPTY"}}
		}, "webhooks::github::secrets: the secret in secret_env SUMMIT_TEST_EMPTY is empty, which would let anybody in"},
		{"an empty file", func(c *Config, _ *testDoor) { c.Events.Tokens = []SecretConfig{{SecretFile: empty}} }, "events::tokens: the secret in secret_file"},
		{"a missing file", func(c *Config, _ *testDoor) { c.Events.Tokens = []SecretConfig{{SecretFile: empty + "x"}} }, "secret_file: open"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &harness{t: t, door: &testDoor{ServeMux: http.NewServeMux()}}
			cfg := testConfig()
			tc.edit(cfg, h.door)
			r, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			require.ErrorContains(t, r.Start(t.Context(), h.host()), tc.err)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

func TestSignature(t *testing.T) {
	cfg := testConfig()
	old := configopaque.String("the old one")
	cfg.Webhooks.GitHub.Secrets = append(cfg.Webhooks.GitHub.Secrets, SecretConfig{Secret: &old})
	body := examples(t, "push")[4]
	for _, tc := range []struct {
		name, header string
		code         int
	}{
		{"right", sign(body, secret), 200},
		{"the other secret", sign(body, "the old one"), 200},
		{"absent", "", 401},
		{"another body", sign(body+" ", secret), 401},
		{"another secret", sign(body, "x"), 401},
		{"of nothing", sign(body, ""), 401},
		{"no hex", "sha256=zz", 401},
		{"no algorithm", strings.TrimPrefix(sign(body, secret), "sha256="), 401},
		{"sha1", "sha1=" + strings.Repeat("0", 40), 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, cfg)
			headers := map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "1"}
			if tc.header != "" {
				headers["X-Hub-Signature-256"] = tc.header
			}
			code, got, _ := h.post("/v1/ci/github", body, headers)
			require.Equal(t, tc.code, code)
			if code == 401 {
				require.Contains(t, got["detail"], "X-Hub-Signature-256")
				require.Empty(t, h.calls)
				require.Equal(t, map[string]int64{"github other refused signature": 1}, h.counted())
			}
		})
	}
}

func TestSignatureIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	h := start(t, testConfig())
	code, _, _ := h.post("/v1/ci/github", "{not json", map[string]string{"X-GitHub-Event": "push"})
	require.Equal(t, 401, code)
}

func TestSecretThatIsNotSetClosesTheRoute(t *testing.T) {
	cfg := testConfig()
	cfg.Webhooks.GitHub.Secrets = []SecretConfig{{SecretEnv: "SUMMIT_TEST_UNSET"}}
	cfg.Events.Tokens = []SecretConfig{{SecretEnv: "SUMMIT_TEST_UNSET"}}
	h := start(t, cfg)
	code, got := h.github("ping", "1", `{}`)
	require.Equal(t, 503, code)
	require.Contains(t, got["detail"], "SUMMIT_TEST_UNSET is not set")
	code, got = h.events(`{}`)
	require.Equal(t, 503, code)
	require.Contains(t, got["detail"], "SUMMIT_TEST_UNSET is not set")
}

func TestSecretsFromFileAndEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("of the file\n"), 0o600))
	t.Setenv("SUMMIT_TEST_SECRET", "of the environment")
	cfg := testConfig()
	cfg.Webhooks.GitHub.Secrets = []SecretConfig{{SecretFile: file}, {SecretEnv: "SUMMIT_TEST_SECRET"}}
	h := start(t, cfg)
	for _, s := range []string{"of the file", "of the environment"} {
		code, got, _ := h.post("/v1/ci/github", `{}`, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": sign(`{}`, s)})
		require.Equal(t, 200, code, got)
	}
}

func TestInsecure(t *testing.T) {
	cfg := testConfig()
	cfg.Webhooks.GitHub = &WebhookConfig{Insecure: true}
	h := start(t, cfg)
	code, _, _ := h.post("/v1/ci/github", examples(t, "push")[4], map[string]string{"X-GitHub-Event": "push"})
	require.Equal(t, 200, code)
	code, _, _ = h.post("/v1/ci/github", `{}`, map[string]string{"X-GitHub-Event": "made_up"})
	require.Equal(t, 202, code)
	require.Equal(t, int64(1), h.counted()["github other ignored"], "an open door doesn't choose our labels")
}

func TestEventTypes(t *testing.T) {
	h := start(t, testConfig())
	code, got := h.github("ping", "1", examples(t, "ping")[0])
	require.Equal(t, 200, code)
	require.Equal(t, "pong", got["status"])
	code, got = h.github("issues", "2", `{}`)
	require.Equal(t, 202, code)
	require.Equal(t, "ignored", got["status"])
	code, got = h.github("Bad/Name", "3", `{}`)
	require.Equal(t, 202, code, got)
	code, got, _ = h.post("/v1/ci/github", `{}`, map[string]string{"X-Hub-Signature-256": sign(`{}`, secret)})
	require.Equal(t, 400, code)
	require.Equal(t, "X-GitHub-Event", got["field"])
	require.Equal(t, map[string]int64{
		"github ping pong": 1, "github issues ignored": 1, "github other ignored": 1, "github other refused field": 1,
	}, h.counted())
}

func TestFormEncodedDelivery(t *testing.T) {
	h := start(t, testConfig())
	body := "payload=" + url.QueryEscape(examples(t, "push")[4])
	headers := map[string]string{
		"X-GitHub-Event": "push", "Content-Type": "application/x-www-form-urlencoded", "X-Hub-Signature-256": sign(body, secret),
	}
	code, got, _ := h.post("/v1/ci/github", body, headers)
	require.Equal(t, 200, code, got)
	require.Len(t, h.emitted(), 1)
	headers["X-Hub-Signature-256"] = sign("x=1", secret)
	code, got, _ = h.post("/v1/ci/github", "x=1", headers)
	require.Equal(t, 400, code)
	require.Equal(t, "payload", got["field"])
}

func TestDuplicatesAndTheirMark(t *testing.T) {
	h := start(t, testConfig())
	body := examples(t, "workflow_job")[1]
	code, got := h.github("workflow_job", "one", body)
	require.Equal(t, 200, code)
	require.Equal(t, map[string]any{"status": "stored", "events": 14.0, "spans": 14.0}, got, "the queue's span stands for the stub")
	code, got = h.github("workflow_job", "one", body)
	require.Equal(t, 200, code)
	require.Equal(t, "duplicate", got["status"])
	code, got = h.github("workflow_job", "two", body)
	require.Equal(t, 200, code)
	require.Equal(t, "unchanged", got["status"])
	require.Equal(t, []string{"traces", "logs"}, h.calls, "spans first, and once")
	require.Equal(t, map[string]int64{
		"github workflow_job stored": 1, "github workflow_job duplicate": 1, "github workflow_job unchanged": 1,
	}, h.counted())
}

// An answer of success is given only when both pipelines have taken it, and a delivery that failed is none that was seen.
func TestDownstreamErrors(t *testing.T) {
	body := examples(t, "workflow_job")[1]
	for _, tc := range []struct {
		name   string
		fail   func(*harness) *sink
		err    error
		code   int
		reason string
	}{
		{"logs are busy", func(h *harness) *sink { return h.logs }, errors.New("queue is full"), 503, "retry_downstream"},
		{"traces are busy", func(h *harness) *sink { return h.traces }, errors.New("queue is full"), 503, "retry_downstream"},
		{"logs refuse", func(h *harness) *sink { return h.logs }, consumererror.NewPermanent(errors.New("too large")), 500, "refused_downstream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, testConfig())
			tc.fail(h).err = tc.err
			code, got, header := h.post("/v1/ci/github", body, map[string]string{
				"X-GitHub-Event": "workflow_job", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": sign(body, secret),
			})
			require.Equal(t, tc.code, code)
			require.Contains(t, got["detail"], tc.err.Error())
			require.Equal(t, tc.code == 503, header.Get("Retry-After") != "")
			require.Zero(t, h.index.Len(), "what isn't stored isn't known")
			if tc.fail(h) == h.traces {
				require.Equal(t, []string{"traces"}, h.calls, "once the events are stored the index may learn them, and the next try brings no spans")
			}

			tc.fail(h).err = nil
			code, got = h.github("workflow_job", "1", body)
			require.Equal(t, 200, code)
			require.Equal(t, "stored", got["status"])
			require.Len(t, h.spans(), 14)
			require.NotZero(t, h.index.Len())
			outcome := "retry"
			if tc.code == 500 {
				outcome = "refused"
			}
			require.Equal(t, int64(1), h.counted()["github workflow_job "+outcome+" "+tc.reason])
		})
	}
}

func TestStampsAndResources(t *testing.T) {
	cfg := testConfig()
	cfg.Tenant = "11111111-2222-4333-8444-555555555555"
	id, err := tenant.Parse(cfg.Tenant)
	require.NoError(t, err)
	h := start(t, cfg)
	code, _ := h.github("workflow_job", "1", examples(t, "workflow_job")[1])
	require.Equal(t, 200, code)
	for _, attrs := range []map[string]any{
		h.logs.logs[0].ResourceLogs().At(0).Resource().Attributes().AsRaw(), h.traces.td[0].ResourceSpans().At(0).Resource().Attributes().AsRaw(),
	} {
		require.Equal(t, cfg.Tenant, attrs[envelope.AttrTenantID])
	}
	res := h.traces.td[0].ResourceSpans().At(0).Resource().Attributes().AsRaw()
	require.Equal(t, "Codertocat/Hello-World", res["service.name"])
	require.Equal(t, "CodeQL", res["cicd.pipeline.name"])
	require.NotNil(t, h.index.Run(id, "github:github.com:Codertocat/Hello-World:2202229078:1"))
	require.Nil(t, h.index.Run(tenant.Default, "github:github.com:Codertocat/Hello-World:2202229078:1"))
}

func TestOneSignalAlone(t *testing.T) {
	body := examples(t, "workflow_job")[1]
	send := func(t *testing.T, r component.Component, h *harness) {
		require.NoError(t, r.Start(t.Context(), h.host()))
		code, got := h.github("workflow_job", "1", body)
		require.Equal(t, 200, code, got)
		require.NoError(t, r.Shutdown(t.Context()))
		code, _ = h.github("workflow_job", "2", body)
		require.Equal(t, 503, code, "after the shutdown")
	}
	cfg := testConfig()
	cfg.BuildIndex = component.ID{} // its own memory
	t.Run("logs", func(t *testing.T) {
		h := &harness{t: t, door: &testDoor{ServeMux: http.NewServeMux()}}
		next := new(consumertest.LogsSink)
		r, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(Type), cfg, next)
		require.NoError(t, err)
		send(t, r, h)
		require.Equal(t, 14, next.LogRecordCount())
	})
	t.Run("traces", func(t *testing.T) {
		h := &harness{t: t, door: &testDoor{ServeMux: http.NewServeMux()}}
		next := new(consumertest.TracesSink)
		r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(Type), cfg, next)
		require.NoError(t, err)
		send(t, r, h)
		require.Equal(t, 14, next.SpanCount())
	})
}

func TestBodyTooLarge(t *testing.T) {
	h := start(t, testConfig())
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/ci/github", strings.NewReader(strings.Repeat("x", 100)))
	w := httptest.NewRecorder()
	req.Body = http.MaxBytesReader(w, req.Body, 10)
	h.door.ServeHTTP(w, req)
	require.Equal(t, 413, w.Code)
	require.Contains(t, w.Body.String(), "larger than 10 bytes")
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	cfg := testConfig()
	r, err := newReceiver(receivertest.NewNopSettings(Type), cfg)
	require.NoError(t, err)
	require.True(t, r.enter())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, r.Shutdown(ctx), "wait for CI deliveries under way")
	require.False(t, r.enter())
	r.leave()
	require.NoError(t, r.Shutdown(t.Context()))
}

// TestDeliveryWaitsForTheIndex: what was known before a restart must not be overwritten by less, and a store that stays
// away must not keep deliveries out.
func TestDeliveryWaitsForTheIndex(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			rebuilt := make(chan struct{})
			r, err := newReceiver(receivertest.NewNopSettings(Type), testConfig())
			require.NoError(t, err)
			r.index, r.rebuilt = correlation.New(correlation.Options{}), rebuilt
			sink := new(consumertest.LogsSink)
			r.logs = sink
			began := time.Now()
			r.waitUntil = began.Add(rebuildWait)
			if answers {
				time.AfterFunc(time.Second, func() {
					r.index.Observe(tenant.Default, &build.Run{RunKey: build.RunKey{RunID: "1", Attempt: 1}, State: build.State{Branch: "main"}})
					close(rebuilt)
				})
			}
			_, p := r.take(t.Context(), "", []build.Event{&build.Run{RunKey: build.RunKey{RunID: "1", Attempt: 1}, State: build.State{Status: build.StatusRunning, Version: 1}}})
			require.Nil(t, p)
			_, branch := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("vcs.ref.head.name")
			require.Equal(t, answers, branch)
			want := time.Second
			if !answers {
				want = rebuildWait
			}
			require.Equal(t, want, time.Since(began))
			_, p = r.take(t.Context(), "", []build.Event{&build.Run{RunKey: build.RunKey{RunID: "2", Attempt: 1}}})
			require.Nil(t, p)
			require.Equal(t, want, time.Since(began), "the next delivery doesn't wait")
		})
	}
}

func TestDedupeForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(time.Hour, 3)
		require.False(t, d.has("a"))
		d.add("")
		d.add("a")
		require.True(t, d.has("a"))
		require.False(t, d.has(""))
		time.Sleep(59 * time.Minute)
		require.True(t, d.has("a"))
		time.Sleep(2 * time.Minute)
		require.False(t, d.has("a"), "after the window")
		for _, id := range []string{"b", "c", "b", "d", "e"} {
			d.add(id)
		}
		require.False(t, d.has("c"), "beyond the limit the oldest goes")
		for _, id := range []string{"b", "d", "e"} {
			require.True(t, d.has(id), id)
		}
		require.Len(t, d.seen, 3)
		require.Equal(t, 3, d.order.Len())
	})
}

func BenchmarkWorkflowJob(b *testing.B) {
	bodies := examples(b, "workflow_job")
	for b.Loop() {
		for _, body := range bodies {
			if err := (github.Provider{}).Verify(signedDelivery("workflow_job", body), [][]byte{[]byte(secret)}); err != nil {
				b.Fatal(err)
			}
			events, prob := parseGitHub("workflow_job", []byte(body))
			if prob != nil {
				b.Fatal(prob)
			}
			for _, ev := range events {
				build.Graph(ev)
			}
		}
	}
}
