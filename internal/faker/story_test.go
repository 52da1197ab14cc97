package faker_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/faker"
)

// delivered is what the deliveries of a world say of its commits, runs and deployments.
type delivered struct {
	pushed   map[string]time.Time
	runs     map[string]string    // "id:attempt" to the commit
	finished map[string]time.Time // of runs that succeeded, by the commit
	digests  map[string]string    // of images, to the commit
	deployed map[string]time.Time // first success in production, by the image's digest
}

// body has the fields of GitHub's and the generic door's events that the story stands on.
type body struct {
	After string `json:"after"`
	Run   struct {
		ID         int64     `json:"id"`
		HeadSHA    string    `json:"head_sha"`
		Attempt    int       `json:"run_attempt"`
		Conclusion *string   `json:"conclusion"`
		CreatedAt  time.Time `json:"created_at"`
		StartedAt  time.Time `json:"run_started_at"`
		UpdatedAt  time.Time `json:"updated_at"`
	} `json:"workflow_run"`
	Job struct {
		RunID       int64      `json:"run_id"`
		HeadSHA     string     `json:"head_sha"`
		Attempt     int        `json:"run_attempt"`
		StartedAt   *time.Time `json:"started_at"`
		CompletedAt *time.Time `json:"completed_at"`
	} `json:"workflow_job"`
	Type        string   `json:"type"`
	Digest      string   `json:"digest"`
	Digests     []string `json:"digests"`
	CommitSHA   string   `json:"commit_sha"`
	RunID       string   `json:"run_id"`
	Environment string   `json:"environment"`
	Status      string   `json:"status"`
}

// follow reads the deliveries in their order and checks that nothing comes before what it stands on.
func follow(t require.TestingT, w *faker.World) delivered {
	d := delivered{map[string]time.Time{}, map[string]string{}, map[string]time.Time{}, map[string]string{}, map[string]time.Time{}}
	ids := map[string]bool{}
	for _, del := range w.Deliveries() {
		var b body
		require.NoError(t, json.Unmarshal(del.Body, &b))
		if del.Path == faker.PathGitHub {
			require.False(t, ids[del.ID], "delivery %s comes twice", del.ID)
			ids[del.ID] = true
		}
		switch {
		case del.Event == "push":
			require.Len(t, b.After, 40)
			d.pushed[b.After] = del.At
		case del.Event == "workflow_run":
			require.Contains(t, d.pushed, b.Run.HeadSHA, "a run of a commit that nobody pushed")
			key := fmt.Sprintf("%d:%d", b.Run.ID, b.Run.Attempt)
			if before, known := d.runs[key]; known {
				require.Equal(t, before, b.Run.HeadSHA)
			}
			d.runs[key] = b.Run.HeadSHA
			require.False(t, b.Run.UpdatedAt.Before(b.Run.CreatedAt))
			require.False(t, b.Run.UpdatedAt.After(del.At), "nothing is told before it is")
			if b.Run.Conclusion != nil && *b.Run.Conclusion == "success" {
				d.finished[b.Run.HeadSHA] = b.Run.UpdatedAt
			}
		case del.Event == "workflow_job":
			require.Equal(t, b.Job.HeadSHA, d.runs[fmt.Sprintf("%d:%d", b.Job.RunID, b.Job.Attempt)], "a job of a run that hasn't begun")
			if b.Job.CompletedAt != nil && b.Job.StartedAt != nil {
				require.False(t, b.Job.CompletedAt.Before(*b.Job.StartedAt))
			}
		case b.Type == "artifact":
			require.Contains(t, d.pushed, b.CommitSHA)
			d.digests[b.Digest] = b.CommitSHA
		case b.Type == "deployment" && b.Status == "success" && b.Environment == "production":
			for _, digest := range b.Digests {
				require.Contains(t, d.digests, digest, "an image that nobody built")
				if _, again := d.deployed[digest]; !again {
					d.deployed[digest] = del.At
				}
			}
		}
	}
	return d
}

// Whatever the seed and the length of the history: the deliveries tell a story in which each thing comes after what made it,
// and the story's own names are among them.
func TestDeliveriesTellOneStory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, err := faker.New(faker.Settings{
			Seed: rapid.Uint64().Draw(rt, "seed"), Base: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
			History: time.Duration(rapid.IntRange(2, 96).Draw(rt, "hours")) * time.Hour, Traces: 100,
		})
		require.NoError(rt, err)
		d, st := follow(rt, w), w.Story()
		require.Contains(rt, d.pushed, st.BadCommit)
		require.Contains(rt, d.pushed, st.SlowCommit)
		require.NotEqual(rt, st.BadCommit, st.SlowCommit)
		require.Equal(rt, st.BadCommit, d.digests[st.BadDigest], "the image of the bad commit")
		require.Contains(rt, d.finished, st.BadCommit, "its run succeeded, or nobody would have deployed it")
		require.True(rt, d.finished[st.BadCommit].Before(st.BadDeployedAt))
		require.False(rt, st.BadDeployedAt.Before(d.pushed[st.BadCommit]))
		require.True(rt, st.BadDeployedAt.Before(w.Base()))
		require.True(rt, st.SlowDeployedAt.Before(w.Base()))
	})
}

// What runs was built: each span's image is one that was delivered, of the commit that it names.
func TestTelemetryComesFromWhatWasBuilt(t *testing.T) {
	for seed := range uint64(4) {
		w, err := faker.New(faker.Settings{Seed: seed, Base: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), History: 12 * time.Hour, Traces: 400})
		require.NoError(t, err)
		d := follow(t, w)
		spans, joined := 0, 0
		for b := range w.Generator().History() {
			for _, rs := range b.Traces.ResourceSpans().All() {
				res := rs.Resource().Attributes().AsRaw()
				first := ptrace.NewSpan()
				for _, ss := range rs.ScopeSpans().All() {
					spans += ss.Spans().Len()
					if ss.Spans().Len() > 0 {
						first = ss.Spans().At(0)
					}
				}
				digests, _ := res["container.image.repo_digests"].([]any)
				for _, digest := range digests {
					text := digest.(string)
					at := len(text) - len("sha256:") - 64
					require.Positive(t, at, text)
					commit, built := d.digests[text[at:]]
					if !built {
						continue // what ran before the history began was built before it
					}
					joined++
					require.NotEmpty(t, commit)
					if res["deployment.environment.name"] == "production" {
						deployed, ok := d.deployed[text[at:]]
						require.True(t, ok, "%s runs in production and was not deployed", text)
						require.False(t, first.StartTimestamp().AsTime().Before(deployed.Add(-10*time.Minute)), "%s ran at %s, before its deployment at %s", text, first.StartTimestamp().AsTime(), deployed)
					}
				}
			}
		}
		require.Greater(t, spans, 1000)
		require.Positive(t, joined)
	}
}
