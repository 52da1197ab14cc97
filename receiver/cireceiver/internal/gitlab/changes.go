package gitlab

import (
	"path"
	"strconv"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

func deployStatusOf(status string) build.DeployStatus {
	switch status {
	case "success":
		return build.DeploySuccess
	case "failed":
		return build.DeployFailure
	case "canceled", "skipped":
		return build.DeployCancelled
	case "running":
		return build.DeployInProgress
	case "created", "blocked":
		return build.DeployPending
	default:
		return build.DeployUnknown
	}
}

func deploymentEvents(h *deploymentHook) ([]build.Event, *wire.Problem) {
	src := h.Project.source()
	if p := src.check("deployment_id", h.DeploymentID); p != nil {
		return nil, p
	}
	at := h.StatusChangedAt.Time
	d := &build.Deployment{
		Provider: build.ProviderGitLab, Host: src.host, Repo: src.repo, DeploymentID: strconv.FormatInt(h.DeploymentID, 10), Environment: h.Environment,
		CommitSHA: wire.SHA(wire.Or(wire.SHA(path.Base(h.CommitURL)), h.ShortSHA)), Status: deployStatusOf(h.Status), UpdatedAt: at,
		Creator: h.User.login(), URL: wire.Or(h.ExternalURL, h.DeployableURL),
		Attrs: wire.Attrs(build.KeyConclusion, h.Status, "ref", h.Ref, "job", wire.Number(h.DeployableID), "deployment_tier", h.EnvironmentTier),
	}
	if d.CommitSHA != "" {
		d.Basis = envelope.BasisRevision
	}
	if h.EnvironmentTier != "" {
		d.Attrs = wire.With(d.Attrs, "production", strconv.FormatBool(h.EnvironmentTier == "production"))
	}
	switch d.Status {
	case build.DeployPending:
		d.CreatedAt = at
	case build.DeployInProgress:
		d.StartedAt = at
	case build.DeploySuccess:
		d.FinishedAt = at
		d.Attrs = wire.With(d.Attrs, build.KeySucceededAt, build.FormatTime(at))
	case build.DeployFailure, build.DeployCancelled:
		d.FinishedAt = at
	}
	d.Version = build.VersionOf(d.Status.Rank(), at)
	return []build.Event{d}, nil
}

// commit makes the event of a commit; the rank lets one source tell more than another.
func (src source) commit(c *commit, branch string, rank uint8) build.Event {
	sha := wire.SHA(c.ID)
	if sha == "" {
		return nil
	}
	url := c.URL
	if url == "" && src.web != "" {
		url = src.web + "/-/commit/" + sha
	}
	return &build.Commit{
		Provider: build.ProviderGitLab, Host: src.host, Repo: src.repo, SHA: sha, Message: wire.FirstLine(c.Message), Author: c.Author.Name, Branch: branch,
		URL: url, ChangedFiles: uint32(len(c.Added) + len(c.Modified) + len(c.Removed)), CommittedAt: c.Timestamp.Time,
		Attrs: wire.Attrs(build.KeyFiles, build.FileList(c.Modified, c.Added, c.Removed)), Version: build.VersionOf(rank, c.Timestamp.Time),
	}
}

// pushEvents gives the commits of a branch or tag; a push that deletes one has none.
func pushEvents(h *pushHook) ([]build.Event, *wire.Problem) {
	src := h.Project.source()
	if src.repo == "" {
		return nil, wire.WrongField("project.path_with_namespace", "is missing")
	}
	var events []build.Event
	for i := range h.Commits {
		if c := src.commit(&h.Commits[i], wire.Branch(h.Ref), 30); c != nil {
			events = append(events, c)
		}
	}
	return events, nil
}

func mergeEvents(h *mergeHook) ([]build.Event, *wire.Problem) {
	src := h.Project.source()
	a := &h.Attributes
	if p := src.check("object_attributes.id", a.ID); p != nil {
		return nil, p
	}
	if a.IID == 0 {
		// Older hooks of groups tell no number that anybody could look the request up by.
		return nil, nil
	}
	c := &build.Change{
		Provider: build.ProviderGitLab, Host: src.host, Repo: src.repo, Number: a.IID, Title: a.Title, State: build.ChangeOpen,
		HeadBranch: a.SourceBranch, BaseBranch: a.TargetBranch, URL: a.URL, CreatedAt: a.CreatedAt.Time,
		UpdatedAt: wire.FirstTime(a.UpdatedAt.Time, a.CreatedAt.Time),
	}
	if a.AuthorID != 0 {
		c.AuthorHash = build.HashActor(build.ProviderGitLab, src.host, "id "+strconv.FormatInt(a.AuthorID, 10))
	}
	events := []build.Event{c}
	if a.LastCommit != nil {
		c.HeadSHA = wire.SHA(a.LastCommit.ID)
		if ev := src.commit(a.LastCommit, a.SourceBranch, 20); ev != nil {
			events = append(events, ev)
		}
	}
	rank := uint8(10)
	switch a.State {
	case "merged":
		c.State, c.MergeSHA, c.MergedAt = build.ChangeMerged, wire.SHA(a.MergeCommitSHA), wire.FirstTime(a.MergedAt.Time, a.UpdatedAt.Time)
		rank = 30
	case "closed", "locked":
		c.State = build.ChangeClosed
	}
	for _, l := range h.Labels {
		if l.Title != "" {
			c.Labels = append(c.Labels, l.Title)
		}
	}
	c.Version = build.VersionOf(rank, c.UpdatedAt)
	return events, nil
}

func releaseEvents(h *releaseHook) ([]build.Event, *wire.Problem) {
	src := h.Project.source()
	switch {
	case src.repo == "":
		return nil, wire.WrongField("project.path_with_namespace", "is missing")
	case h.Tag == "":
		return nil, wire.WrongField("tag", "is missing")
	case h.Action == "delete":
		return nil, nil
	}
	r := &build.Release{
		Provider: build.ProviderGitLab, Host: src.host, Repo: src.repo, Tag: h.Tag, Name: h.Name, URL: h.URL, CreatedAt: h.CreatedAt.Time,
		PublishedAt: h.ReleasedAt.Time, UpdatedAt: wire.FirstTime(h.ReleasedAt.Time, h.CreatedAt.Time),
	}
	events := []build.Event{r}
	if h.Commit != nil {
		r.CommitSHA = wire.SHA(h.Commit.ID)
		if c := src.commit(h.Commit, "", 20); c != nil {
			events = append(events, c)
		}
	}
	r.Version = build.VersionOf(30, r.UpdatedAt)
	return events, nil
}
