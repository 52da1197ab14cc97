// Package bitbucket reads Bitbucket's webhooks: build statuses of commits, pushes and pull requests. Package cireceiver
// gives it deliveries.
package bitbucket

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is Bitbucket.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderBitbucket }

// Verify checks the signature over the body.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	const header = "X-Hub-Signature"
	return wire.VerifyHMAC(header, d.Header.Get(header), "sha256=", d.Body, secrets)
}

// Head names the delivery by its headers. A repeated delivery has another number of attempt and the same id.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{
		Event: d.Header.Get("X-Event-Key"), ID: wire.Or(d.Header.Get("X-Request-UUID"), d.Header.Get("X-Request-Id")), Payload: d.Body,
	}
	switch h.Event {
	case "":
		return h, wire.WrongField("X-Event-Key", "the header is missing")
	case "diagnostics:ping":
		h.Kind = wire.Ping
	case "repo:commit_status_created", "repo:commit_status_updated", "repo:push", "pullrequest:created", "pullrequest:updated",
		"pullrequest:fulfilled", "pullrequest:rejected":
	default:
		h.Kind = wire.Ignored
	}
	return h, nil
}

type link struct {
	Href string `json:"href"`
}

type commit struct {
	Hash    string    `json:"hash"`
	Message string    `json:"message"`
	Date    wire.Time `json:"date"`
	Author  struct {
		Raw  string `json:"raw"`
		User struct {
			DisplayName string `json:"display_name"`
		} `json:"user"`
		DisplayName string `json:"display_name"`
	} `json:"author"`
	Links struct {
		HTML link `json:"html"`
	} `json:"links"`
}

type side struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
	Commit commit `json:"commit"`
}

type payload struct {
	Repository struct {
		FullName string `json:"full_name"`
		UUID     string `json:"uuid"`
		Links    struct {
			HTML link `json:"html"`
		} `json:"links"`
	} `json:"repository"`
	CommitStatus *struct {
		Key         string    `json:"key"`
		Name        string    `json:"name"`
		Description string    `json:"description"`
		State       string    `json:"state"`
		URL         string    `json:"url"`
		Refname     string    `json:"refname"`
		CreatedOn   wire.Time `json:"created_on"`
		UpdatedOn   wire.Time `json:"updated_on"`
		Links       struct {
			Commit link `json:"commit"`
		} `json:"links"`
	} `json:"commit_status"`
	Push *struct {
		Changes []struct {
			New *struct {
				Type   string `json:"type"`
				Name   string `json:"name"`
				Target commit `json:"target"`
			} `json:"new"`
			Commits []commit `json:"commits"`
		} `json:"changes"`
	} `json:"push"`
	PullRequest *struct {
		ID          uint32    `json:"id"`
		Title       string    `json:"title"`
		State       string    `json:"state"`
		CreatedOn   wire.Time `json:"created_on"`
		UpdatedOn   wire.Time `json:"updated_on"`
		Source      side      `json:"source"`
		Destination side      `json:"destination"`
		MergeCommit *commit   `json:"merge_commit"`
		Author      struct {
			AccountID string `json:"account_id"`
			UUID      string `json:"uuid"`
		} `json:"author"`
		Links struct {
			HTML link `json:"html"`
		} `json:"links"`
	} `json:"pullrequest"`
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	var p payload
	if prob := wire.Decode(h.Payload, &p, false); prob != nil {
		return wire.Parsed{}, prob
	}
	if p.Repository.FullName == "" {
		return wire.Parsed{}, wire.WrongField("repository.full_name", "is missing")
	}
	kind, _, _ := strings.Cut(h.Event, ":")
	switch {
	case kind == "pullrequest":
		return p.change(h.Event)
	case h.Event == "repo:push":
		return p.push()
	default:
		return p.status()
	}
}

func (p *payload) host() string {
	return strings.TrimPrefix(wire.Host(p.Repository.Links.HTML.Href, "bitbucket.org"), "api.")
}

func (p *payload) repo() string { return wire.Name(p.Repository.FullName) }

func statusOf(state string) build.Status {
	switch state {
	case "SUCCESSFUL":
		return build.StatusSuccess
	case "FAILED":
		return build.StatusFailure
	case "STOPPED":
		return build.StatusCancelled
	case "INPROGRESS":
		return build.StatusRunning
	default:
		return build.StatusUnknown
	}
}

// status is a run of Bitbucket's own pipelines or of any CI system that reports there. A status may be set again after its
// end: its time decides.
func (p *payload) status() (wire.Parsed, *wire.Problem) {
	c := p.CommitStatus
	if c == nil || c.Key == "" {
		return wire.Parsed{}, wire.WrongField("commit_status.key", "is missing")
	}
	sha := wire.SHA(path.Base(c.Links.Commit.Href))
	if sha == "" {
		return wire.Parsed{}, wire.WrongField("commit_status.links.commit.href", "names no commit")
	}
	key := build.RunKey{Provider: build.ProviderBitbucket, Host: p.host(), Repo: p.repo(), RunID: runID(c.Key, c.URL, sha), Attempt: 1}
	repoID := strings.Trim(p.Repository.UUID, "{}")
	trace := key.TraceKey(repoID)
	s := build.State{
		Pipeline: wire.Or(c.Name, c.Key), Name: c.Description, Branch: wire.Branch(c.Refname), CommitSHA: sha, Trigger: "commit_status",
		CreatedAt: c.CreatedOn.Time, Status: statusOf(c.State), URL: c.URL, TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		UpdatedAt: wire.FirstTime(c.UpdatedOn.Time, c.CreatedOn.Time), Attrs: wire.Attrs(build.KeyConclusion, strings.ToLower(c.State), build.KeyRepoID, repoID),
	}
	if s.Status.Rank() > 10 {
		s.StartedAt = s.CreatedAt
	}
	if s.Status.Finished() {
		s.FinishedAt = s.UpdatedAt
		s.Resumable()
	}
	s.Version = build.ResumableVersion(s.Status, s.UpdatedAt)
	s.Derive()
	return wire.Of(&build.Run{RunKey: key, State: s}), nil
}

// runID is the number of one of Bitbucket's own pipelines, which is in its page's address; else a hash of what names the
// status of a commit.
func runID(key, url, sha string) string {
	last := path.Base(url)
	if strings.Contains(url, "/pipelines/") && last != "" && strings.Trim(last, "0123456789") == "" {
		return last
	}
	sum := sha256.Sum256([]byte(key + "\x00" + sha))
	return hex.EncodeToString(sum[:8])
}

func (p *payload) commit(c *commit, branch string, rank uint8) build.Event {
	sha := wire.SHA(c.Hash)
	if sha == "" {
		return nil
	}
	author := wire.Or(c.Author.DisplayName, c.Author.User.DisplayName)
	if author == "" {
		// "Name <address>": the address isn't kept.
		author, _, _ = strings.Cut(c.Author.Raw, "<")
	}
	return &build.Commit{
		Provider: build.ProviderBitbucket, Host: p.host(), Repo: p.repo(), SHA: sha, Message: wire.FirstLine(c.Message),
		Author: strings.TrimSpace(author), Branch: branch, URL: c.Links.HTML.Href, CommittedAt: c.Date.Time, Version: build.VersionOf(rank, c.Date.Time),
	}
}

func (p *payload) push() (wire.Parsed, *wire.Problem) {
	if p.Push == nil {
		return wire.Parsed{}, wire.WrongField("push", "is missing")
	}
	var out wire.Parsed
	seen := map[string]bool{}
	for _, change := range p.Push.Changes {
		branch := ""
		list := change.Commits
		if change.New != nil {
			list = append(list, change.New.Target)
			if change.New.Type == "branch" {
				branch = change.New.Name
			}
		}
		for i := range list {
			if ev := p.commit(&list[i], branch, 30); ev != nil && !seen[list[i].Hash] {
				seen[list[i].Hash] = true
				out.Events = append(out.Events, ev)
			}
		}
	}
	return out, nil
}

func (p *payload) change(event string) (wire.Parsed, *wire.Problem) {
	r := p.PullRequest
	if r == nil || r.ID == 0 {
		return wire.Parsed{}, wire.WrongField("pullrequest.id", "is missing")
	}
	c := &build.Change{
		Provider: build.ProviderBitbucket, Host: p.host(), Repo: p.repo(), Number: r.ID, Title: r.Title, State: build.ChangeOpen,
		HeadSHA: wire.SHA(r.Source.Commit.Hash), HeadBranch: r.Source.Branch.Name, BaseBranch: r.Destination.Branch.Name, URL: r.Links.HTML.Href,
		AuthorHash: build.HashActor(build.ProviderBitbucket, p.host(), wire.Or(r.Author.AccountID, r.Author.UUID)), CreatedAt: r.CreatedOn.Time,
		UpdatedAt: wire.FirstTime(r.UpdatedOn.Time, r.CreatedOn.Time),
	}
	rank := uint8(10)
	switch {
	case r.State == "MERGED" || event == "pullrequest:fulfilled":
		c.State, c.MergedAt, rank = build.ChangeMerged, c.UpdatedAt, 30
		if r.MergeCommit != nil {
			c.MergeSHA = wire.SHA(r.MergeCommit.Hash)
		}
	case r.State == "DECLINED" || r.State == "SUPERSEDED" || event == "pullrequest:rejected":
		c.State = build.ChangeClosed
	}
	c.Version = build.VersionOf(rank, c.UpdatedAt)
	return wire.Of(c), nil
}
