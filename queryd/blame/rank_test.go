package blame_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/queryd/blame"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
)

func commit(sha, message string, files ...string) *history.Commit {
	return &history.Commit{SHA: sha, Message: message, Files: files, FilesKnown: true}
}

var stack = []query.Frame{
	{File: "/usr/lib/http.go", Function: "serve"},
	{File: "/src/internal/pay/charge.go", Function: "Charge", InApp: true},
	{File: "/src/internal/cart/checkout.go", Function: "Checkout", InApp: true},
}

func kinds(s blame.Suspect) []string {
	var out []string
	for _, r := range s.Reasons {
		out = append(out, r.Kind)
	}
	return out
}

func TestRank(t *testing.T) {
	other := commit("other", "Improve search", "internal/search/index.go")
	for _, tc := range []struct {
		name    string
		c       blame.Case
		first   string
		reason  string
		certain string
	}{
		{
			name:  "a file in the stack",
			c:     blame.Case{Commits: []*history.Commit{commit("a", "Rework", "internal/pay/charge.go"), other}, Frames: stack, Complete: true},
			first: "a", reason: "frame_file", certain: "high",
		},
		{
			name: "the innermost frame says more",
			c: blame.Case{Commits: []*history.Commit{
				commit("a", "Rework", "internal/pay/charge.go"), commit("b", "Rework", "internal/cart/checkout.go"),
			}, Frames: stack, Complete: true},
			first: "a", reason: "frame_file", certain: "high",
		},
		{
			name:  "a neighbour of a file in the stack",
			c:     blame.Case{Commits: []*history.Commit{commit("a", "Rework", "internal/pay/limits.go"), other}, Frames: stack, Complete: true},
			first: "a", reason: "frame_dir", certain: "medium",
		},
		{
			name:  "documentation breaks nothing",
			c:     blame.Case{Commits: []*history.Commit{other, commit("b", "Explain", "internal/pay/README.md")}, Frames: stack, Complete: true},
			first: "other", certain: "low",
		},
		{
			name:  "dependencies, where the stack ends in code of others",
			c:     blame.Case{Commits: []*history.Commit{commit("a", "Bump", "go.mod", "go.sum"), other}, Frames: stack[:1], Complete: true},
			first: "a", reason: "dependency", certain: "medium",
		},
		{
			name: "what a test that began to fail is about",
			c: blame.Case{Commits: []*history.Commit{commit("a", "Rework", "internal/pay/refund.go"), other}, Complete: true, Tests: []history.TestRef{
				{Name: "TestRefund", File: "internal/pay/refund_test.go"},
			}},
			first: "a", reason: "test_file", certain: "high",
		},
		{
			name:  "the error's own words",
			c:     blame.Case{Commits: []*history.Commit{commit("a", "Rework", "web/VoucherForm.tsx"), other}, Title: "TypeError: voucherForm is undefined", Complete: true},
			first: "a", reason: "frame_name", certain: "medium",
		},
		{
			name: "a revert is less likely",
			c: blame.Case{Commits: []*history.Commit{
				commit("a", "Rework", "internal/pay/charge.go"), commit("b", `Revert "Rework"`, "internal/pay/charge.go"),
			}, Frames: stack, Complete: true},
			first: "a", reason: "frame_file", certain: "high",
		},
		{
			name:  "the only commit",
			c:     blame.Case{Commits: []*history.Commit{other}, Frames: stack, Complete: true},
			first: "other", reason: "only_commit", certain: "high",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := blame.Rank(tc.c)
			require.Len(t, got, len(tc.c.Commits))
			require.Equal(t, tc.first, got[0].Commit.SHA)
			require.Equal(t, tc.certain, got[0].Confidence)
			if tc.reason != "" {
				require.Equal(t, tc.reason, kinds(got[0])[0])
			}
			sum := 0.0
			for i, s := range got {
				require.Equal(t, i+1, s.Rank)
				sum += s.Score
			}
			require.Less(t, sum, 1.0, "somebody who isn't listed may have done it")
		})
	}
}

// Commits that nobody knows take a share of the suspicion.
func TestAnIncompleteWindowIsLessSure(t *testing.T) {
	c := blame.Case{Commits: []*history.Commit{commit("a", "Rework", "internal/pay/charge.go")}, Frames: stack, Complete: true}
	sure := blame.Rank(c)[0].Score
	c.Complete = false
	require.Less(t, blame.Rank(c)[0].Score, sure)
}

// A commit whose files were never told is neither cleared nor accused.
func TestUnknownFilesSayNothing(t *testing.T) {
	dark := &history.Commit{SHA: "dark", Message: "Rework"}
	got := blame.Rank(blame.Case{Commits: []*history.Commit{dark, commit("docs", "Explain", "README.md")}, Frames: stack, Complete: true})
	require.Equal(t, "dark", got[0].Commit.SHA)
	require.Equal(t, []string{"no_files"}, kinds(got[0]))
	require.Equal(t, "low", got[0].Confidence)
}

// A bare file name of Java is compared with the class's package too.
func TestBareFileNames(t *testing.T) {
	java := []query.Frame{{File: "Charge.java", Module: "com.acme.pay.Charge", InApp: true}}
	got := blame.Rank(blame.Case{Commits: []*history.Commit{
		commit("wrong", "Rework", "src/com/acme/cart/Charge.java"), commit("right", "Rework", "src/com/acme/pay/Charge.java"), commit("new", "Rework", "src/com/acme/x/Y.java"),
	}, Frames: java, Complete: true})
	require.Equal(t, "right", got[0].Commit.SHA)
	require.Equal(t, "frame_file", kinds(got[0])[0])
}
