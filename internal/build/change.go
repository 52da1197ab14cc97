package build

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/envelope"
)

// KeyFiles is a commit's list of changed files, one path a line, as far as the provider tells it.
const KeyFiles = "files"

// maxFilesBytes bounds the list of a commit's files.
const maxFilesBytes = 16 << 10

// Kinds of node and relations that changes and releases bring into the build graph.
const (
	NodeChange  = "Change"
	NodeRelease = "Release"

	RelHasHead    = "HAS_HEAD"
	RelMergedAs   = "MERGED_AS"
	RelReleasesOf = "RELEASES"
)

// ChangeState is the state of a change.
type ChangeState string

// The states of a change.
const (
	ChangeOpen   ChangeState = "open"
	ChangeMerged ChangeState = "merged"
	ChangeClosed ChangeState = "closed"
)

// Change is a pull or merge request. It becomes a node of the build graph only.
type Change struct {
	Provider string
	Host     string
	Repo     string
	Number   uint32
	Title    string
	State    ChangeState
	// HeadSHA is the newest commit of the change, MergeSHA the commit that it became on its base.
	HeadSHA    string
	MergeSHA   string
	HeadBranch string
	BaseBranch string
	Labels     []string
	// AuthorHash is a pseudonym of who proposed it, see HashActor.
	AuthorHash   string
	URL          string
	ChangedFiles uint32
	CreatedAt    time.Time
	MergedAt     time.Time
	UpdatedAt    time.Time
	Attrs        map[string]string
	Version      uint64
}

// ID gives "provider:host:repo:change:number", the id of the change's node.
func (c *Change) ID() string {
	return strings.Join([]string{c.Provider, c.Host, c.Repo, "change", strconv.FormatUint(uint64(c.Number), 10)}, ":")
}

// Release says that a commit was given a name for others to use. It becomes a node of the build graph only; its files
// are artifacts.
type Release struct {
	Provider    string
	Host        string
	Repo        string
	Tag         string
	Name        string
	CommitSHA   string
	Branch      string
	URL         string
	Draft       bool
	Prerelease  bool
	CreatedAt   time.Time
	PublishedAt time.Time
	UpdatedAt   time.Time
	Attrs       map[string]string
	Version     uint64
}

// ID gives "provider:host:repo:release:tag", the id of the release's node.
func (r *Release) ID() string {
	return strings.Join([]string{r.Provider, r.Host, r.Repo, "release", r.Tag}, ":")
}

func (*Change) isEvent()  {}
func (*Release) isEvent() {}

// FileList joins paths for KeyFiles, as many as are worth keeping.
func FileList(groups ...[]string) string {
	var b strings.Builder
	for _, paths := range groups {
		for _, p := range paths {
			if p == "" || strings.ContainsRune(p, '\n') || b.Len()+len(p) >= maxFilesBytes {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(p)
		}
	}
	return b.String()
}

func changeFields(c codec, m *Change) {
	c.str(envelope.AttrBuildProvider, &m.Provider)
	c.str(envelope.AttrBuildHost, &m.Host)
	c.str(envelope.AttrBuildRepo, &m.Repo)
	number(c, "vcs.change.id", &m.Number)
	c.str("vcs.change.title", &m.Title)
	state := string(m.State)
	c.str("vcs.change.state", &state)
	m.State = ChangeState(state)
	c.str("vcs.ref.head.revision", &m.HeadSHA)
	c.str("vcs.ref.head.name", &m.HeadBranch)
	c.str("vcs.ref.base.name", &m.BaseBranch)
	c.str(envelope.AttrBuildMergeRevision, &m.MergeSHA)
	c.strs(envelope.AttrBuildLabels, &m.Labels)
	c.str(envelope.AttrBuildActor, &m.AuthorHash)
	c.str(envelope.AttrBuildURL, &m.URL)
	number(c, envelope.AttrBuildChangedFiles, &m.ChangedFiles)
	c.at(envelope.AttrBuildCreatedAt, &m.CreatedAt)
	c.at(envelope.AttrBuildFinishedAt, &m.MergedAt)
	c.at(envelope.AttrBuildUpdatedAt, &m.UpdatedAt)
	c.u64(envelope.AttrBuildVersion, &m.Version)
	c.more(&m.Attrs)
}

func releaseFields(c codec, m *Release) {
	c.str(envelope.AttrBuildProvider, &m.Provider)
	c.str(envelope.AttrBuildHost, &m.Host)
	c.str(envelope.AttrBuildRepo, &m.Repo)
	c.str(envelope.AttrBuildTag, &m.Tag)
	c.str(envelope.AttrBuildName, &m.Name)
	c.str("vcs.ref.head.revision", &m.CommitSHA)
	c.str("vcs.ref.head.name", &m.Branch)
	c.str(envelope.AttrBuildURL, &m.URL)
	c.flag(envelope.AttrBuildDraft, &m.Draft)
	c.flag(envelope.AttrBuildPrerelease, &m.Prerelease)
	c.at(envelope.AttrBuildCreatedAt, &m.CreatedAt)
	c.at(envelope.AttrBuildFinishedAt, &m.PublishedAt)
	c.at(envelope.AttrBuildUpdatedAt, &m.UpdatedAt)
	c.u64(envelope.AttrBuildVersion, &m.Version)
	c.more(&m.Attrs)
}

func (g *rows) change(c *Change) {
	g.first, g.last, g.version = c.CreatedAt, c.UpdatedAt, c.Version
	k := RunKey{Provider: c.Provider, Host: c.Host, Repo: c.Repo}
	props := map[string]string{
		"repo": c.Repo, "number": strconv.FormatUint(uint64(c.Number), 10), "state": string(c.State), "labels": strings.Join(c.Labels, ","),
		"branch": c.HeadBranch, "base": c.BaseBranch, "author": c.AuthorHash, "url": c.URL, "head_sha": c.HeadSHA, "merge_sha": c.MergeSHA,
	}
	if !c.MergedAt.IsZero() {
		props["merged_at"] = FormatTime(c.MergedAt)
	}
	g.node(NodeChange, c.ID(), c.Title, props)
	g.commit(NodeChange, c.ID(), RelHasHead, k, c.HeadSHA)
	g.commit(NodeChange, c.ID(), RelMergedAs, k, c.MergeSHA)
}

func (g *rows) release(r *Release) {
	g.first, g.last, g.version = earliest(r.CreatedAt, r.PublishedAt), latest(r.UpdatedAt, r.PublishedAt), r.Version
	props := map[string]string{"repo": r.Repo, "tag": r.Tag, "url": r.URL, "commit_sha": r.CommitSHA, "branch": r.Branch}
	if r.Draft {
		props["draft"] = "true"
	}
	if r.Prerelease {
		props["prerelease"] = "true"
	}
	if !r.PublishedAt.IsZero() {
		props["published_at"] = FormatTime(r.PublishedAt)
	}
	g.node(NodeRelease, r.ID(), either(r.Name, r.Tag), props)
	g.commit(NodeRelease, r.ID(), RelReleasesOf, RunKey{Provider: r.Provider, Host: r.Host, Repo: r.Repo}, r.CommitSHA)
}
