package history

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
)

// Commit is a commit as a push or a checkout told of it.
type Commit struct {
	Provider, Host, Repo, SHA, Message, Author, Branch, URL string
	// Files are the changed files, as far as anybody told.
	Files []string
	// FilesKnown tells that Files is the whole list.
	FilesKnown bool
	// Parents are the commits before it, where somebody told.
	Parents []string
	At      time.Time
}

// KeyParents is a commit's list of parents in a node's props, comma separated.
const KeyParents = "parents"

// CommitRef is a commit in few words.
type CommitRef struct {
	SHA         string     `json:"sha"`
	Message     string     `json:"message" doc:"First line"`
	Author      string     `json:"author"`
	CommittedAt *time.Time `json:"committed_at"`
	URL         string     `json:"url"`
	Files       []string   `json:"files" nullable:"false" doc:"Changed files, at most 200"`
	FilesKnown  bool       `json:"files_known" doc:"Whether the provider told which files changed"`
}

// Ref makes the short form.
func (c *Commit) Ref() CommitRef {
	ref := CommitRef{SHA: c.SHA, Message: c.Message, Author: c.Author, CommittedAt: Known(c.At), URL: c.URL, Files: []string{}, FilesKnown: c.FilesKnown}
	ref.Files = append(ref.Files, c.Files[:min(len(c.Files), 200)]...)
	return ref
}

// MaxCommits is the most commits of one answer.
const MaxCommits = 20_000

// RepoKey names a repository at its provider; empty parts are not asked about.
type RepoKey struct{ Provider, Host, Repo string }

// RepoOf is the repository of a run.
func RepoOf(k build.RunKey) RepoKey { return RepoKey{k.Provider, k.Host, k.Repo} }

// Commits lists commits of a repository made in the scope's window, the oldest first. Those of which nothing but the
// hash is known are left out.
func (r *Reader) Commits(ctx context.Context, scope sb.Scope, k RepoKey, limit int) ([]*Commit, error) {
	conds := []sb.Expr{sb.Eq(sb.Col("kind"), sb.Val(build.NodeCommit)), sb.Not(sb.Col("stub")), sb.Not(sb.Col("deleted")), sb.Ge(sb.Col("first_seen"), sb.Val(scope.From))}
	switch {
	case k.Provider != "" && k.Host != "" && k.Repo != "":
		conds = append(conds, sb.Fn("startsWith", sb.Col("id"), sb.Val(strings.Join([]string{k.Provider, k.Host, k.Repo, ""}, ":"))))
	case k.Repo != "":
		conds = append(conds, sb.Eq(sb.MapGet("props", "repo"), sb.Val(k.Repo)))
	}
	return r.commits(ctx, scope, limit, conds...)
}

// CommitsByID reads commits by their ids, see build.CommitID.
func (r *Reader) CommitsByID(ctx context.Context, scope sb.Scope, ids []string) ([]*Commit, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return r.commits(ctx, scope, len(ids), sb.Eq(sb.Col("kind"), sb.Val(build.NodeCommit)), sb.Not(sb.Col("stub")), sb.In(sb.Col("id"), ids))
}

func (r *Reader) commits(ctx context.Context, scope sb.Scope, limit int, conds ...sb.Expr) ([]*Commit, error) {
	if limit == 0 {
		limit = MaxCommits
	}
	sel := sb.Select(scope, sb.GraphNodes, cols("id", "name", "first_seen", "props")...).Where(conds...).
		OrderBy(sb.Desc(sb.Col("first_seen")), sb.Desc(sb.Col("id"))).Limit(limit)
	var out []*Commit
	err := r.Each(ctx, sel, func(rows driver.Rows) error {
		var id string
		var props map[string]string
		c := new(Commit)
		if err := rows.Scan(&id, &c.Message, &c.At, &props); err != nil {
			return err
		}
		c.read(id, props)
		out = append(out, c)
		return nil
	})
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, err
}

func (c *Commit) read(id string, props map[string]string) {
	c.Repo, c.SHA, c.Author, c.Branch, c.URL, c.At = props["repo"], props["sha"], props["author"], props["branch"], props["url"], timeOf(c.At)
	if rest, ok := strings.CutSuffix(id, ":"+c.Repo+":"+c.SHA); ok {
		c.Provider, c.Host, _ = strings.Cut(rest, ":")
	}
	if files := props[build.KeyFiles]; files != "" {
		c.Files = strings.Split(files, "\n")
		n := Number(props["changed_files"])
		c.FilesKnown = n == 0 || len(c.Files) >= n
	}
	if parents := props[KeyParents]; parents != "" {
		c.Parents = strings.FieldsFunc(parents, func(r rune) bool { return r == ',' || r == ' ' })
	}
}

// Between gives the commits after good up to and including bad, from a list in the order of time; complete tells whether
// both ends are in the list. Where parents are known the walk goes by them: a commit that good already has isn't new.
func Between(commits []*Commit, good, bad string) (between []*Commit, complete bool) {
	at := make(map[string]int, len(commits))
	for i, c := range commits {
		at[c.SHA] = i
	}
	end, found := at[bad]
	if !found || bad == "" {
		return nil, false
	}
	if len(commits[end].Parents) > 0 {
		return byParents(commits, at, good, bad)
	}
	start, complete := at[good]
	if !complete || good == "" {
		start, complete = -1, false
	}
	for i := start + 1; i <= end; i++ {
		if c := commits[i]; c.Branch == commits[end].Branch || c.Branch == "" || commits[end].Branch == "" {
			between = append(between, c)
		}
	}
	return between, complete
}

// byParents is what bad reaches and good does not.
func byParents(commits []*Commit, at map[string]int, good, bad string) (between []*Commit, complete bool) {
	_, complete = at[good]
	old := reach(commits, at, good)
	fresh := reach(commits, at, bad)
	for i, c := range commits {
		if fresh[i] && !old[i] {
			between = append(between, c)
		}
	}
	return between, complete && old[at[good]]
}

func reach(commits []*Commit, at map[string]int, from string) map[int]bool {
	seen := map[int]bool{}
	todo := []string{from}
	for len(todo) > 0 {
		sha := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i, ok := at[sha]
		if !ok || seen[i] {
			continue
		}
		seen[i] = true
		todo = append(todo, commits[i].Parents...)
	}
	return seen
}

// IsRevert gives the commit that a message says to revert; ok is true for reverts that don't name one as well.
func IsRevert(message string) (sha string, ok bool) {
	lower := strings.ToLower(message)
	if !strings.HasPrefix(lower, "revert ") && !strings.HasPrefix(lower, "revert:") && !strings.HasPrefix(lower, "rollback ") && !strings.Contains(lower, "this reverts commit ") {
		return "", false
	}
	for _, mark := range []string{"this reverts commit ", "revert ", "reverts "} {
		if i := strings.Index(lower, mark); i >= 0 {
			word := strings.TrimRight(firstWord(lower[i+len(mark):]), ".,)\"'")
			if len(word) >= 7 && len(word) <= 64 && strings.Trim(word, "0123456789abcdef") == "" {
				return word, true
			}
		}
	}
	return "", true
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return word
}

// RevertedTitle is the title in quotes that a revert names, as git and the providers write it.
func RevertedTitle(message string) string {
	_, rest, ok := strings.Cut(message, `"`)
	if !ok {
		return ""
	}
	if i := strings.LastIndex(rest, `"`); i >= 0 {
		return rest[:i]
	}
	return rest
}

// Reverts tells whether a commit takes another one back, by the hash or the title that its message names.
func Reverts(c, old *Commit) bool {
	sha, ok := IsRevert(c.Message)
	if !ok {
		return false
	}
	if sha != "" {
		return strings.HasPrefix(old.SHA, sha)
	}
	title := RevertedTitle(c.Message)
	return title != "" && title == old.Message
}
