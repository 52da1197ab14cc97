package azuredevops

import (
	"net/url"
	"strings"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// The structs below hold what we read of Azure DevOps' payloads, and nothing else.

// delivery is what all deliveries have in common, around the resource that one is about.
type delivery[T any] struct {
	CreatedDate        wire.Time `json:"createdDate"`
	Resource           T         `json:"resource"`
	ResourceContainers struct {
		Account struct {
			ID string `json:"id"`
		} `json:"account"`
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	} `json:"resourceContainers"`
}

type named struct {
	ID   any    `json:"id"`
	Name string `json:"name"`
}

type person struct {
	ID string `json:"id"`
}

type links struct {
	Web struct {
		Href string `json:"href"`
	} `json:"web"`
}

// buildResource is a build in either version of the resource: the older one puts the result into status, and commit and
// branch into one text.
type buildResource struct {
	ID               int64     `json:"id"`
	BuildNumber      string    `json:"buildNumber"`
	URL              string    `json:"url"`
	QueueTime        wire.Time `json:"queueTime"`
	StartTime        wire.Time `json:"startTime"`
	FinishTime       wire.Time `json:"finishTime"`
	Reason           string    `json:"reason"`
	Status           string    `json:"status"`
	Result           string    `json:"result"`
	SourceGetVersion string    `json:"sourceGetVersion"`
	SourceBranch     string    `json:"sourceBranch"`
	SourceVersion    string    `json:"sourceVersion"`
	Definition       named     `json:"definition"`
	Project          named     `json:"project"`
	RequestedFor     *person   `json:"requestedFor"`
	Requests         []struct {
		RequestedFor *person `json:"requestedFor"`
	} `json:"requests"`
	Links links `json:"_links"`
}

type run struct {
	ID           int64     `json:"id"`
	Name         string    `json:"name"`
	State        string    `json:"state"`
	Result       string    `json:"result"`
	CreatedDate  wire.Time `json:"createdDate"`
	FinishedDate wire.Time `json:"finishedDate"`
	URL          string    `json:"url"`
	Links        links     `json:"_links"`
}

type repository struct {
	Change struct {
		Version string `json:"version"`
		Message string `json:"message"`
	} `json:"change"`
}

type runResource struct {
	Run          *run         `json:"run"`
	Pipeline     named        `json:"pipeline"`
	Repositories []repository `json:"repositories"`
}

type jobResource struct {
	runResource
	Job *struct {
		ID         string    `json:"id"`
		Name       string    `json:"name"`
		State      string    `json:"state"`
		Result     string    `json:"result"`
		StartTime  wire.Time `json:"startTime"`
		FinishTime wire.Time `json:"finishTime"`
	} `json:"job"`
	Stage struct {
		Name string `json:"name"`
	} `json:"stage"`
}

type commit struct {
	CommitID string `json:"commitId"`
	Comment  string `json:"comment"`
	URL      string `json:"url"`
	Author   struct {
		Name string    `json:"name"`
		Date wire.Time `json:"date"`
	} `json:"author"`
}

type gitRepository struct {
	Name      string `json:"name"`
	RemoteURL string `json:"remoteUrl"`
	URL       string `json:"url"`
	Project   named  `json:"project"`
}

type pushResource struct {
	Commits    []commit `json:"commits"`
	RefUpdates []struct {
		Name string `json:"name"`
	} `json:"refUpdates"`
	Repository gitRepository `json:"repository"`
}

type changeResource struct {
	PullRequestID         uint32        `json:"pullRequestId"`
	Title                 string        `json:"title"`
	Status                string        `json:"status"`
	SourceRefName         string        `json:"sourceRefName"`
	TargetRefName         string        `json:"targetRefName"`
	CreationDate          wire.Time     `json:"creationDate"`
	ClosedDate            wire.Time     `json:"closedDate"`
	CreatedBy             *person       `json:"createdBy"`
	LastMergeSourceCommit commit        `json:"lastMergeSourceCommit"`
	LastMergeCommit       commit        `json:"lastMergeCommit"`
	Repository            gitRepository `json:"repository"`
	URL                   string        `json:"url"`
}

// source is what all events of a delivery share.
type source struct{ host, repo, projectID string }

// sourceOf takes host and organisation out of a resource's address; project is a name, or else the id that the address or
// the delivery has.
func (d *delivery[T]) sourceOf(address, project string) source {
	s := source{host: wire.Host(address, "dev.azure.com"), projectID: d.ResourceContainers.Project.ID}
	u, err := url.Parse(address)
	if err != nil {
		return s
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	organization := parts[0]
	if org, rest, ok := strings.Cut(s.host, "."); ok && rest == "visualstudio.com" {
		organization = org
	} else if len(parts) > 0 {
		parts = parts[1:]
	}
	for _, p := range parts {
		if strings.HasPrefix(p, "_") {
			break
		}
		if project == "" && p != "DefaultCollection" {
			project = p
		}
	}
	project = wire.Or(project, s.projectID)
	if organization != "" && project != "" {
		s.repo = wire.Name(organization + "/" + project)
	}
	return s
}

func (s source) key(run int64) build.RunKey {
	return build.RunKey{Provider: build.ProviderAzure, Host: s.host, Repo: s.repo, RunID: wire.Number(run), Attempt: 1}
}

func (s source) check(field string, id int64) *wire.Problem {
	switch {
	case s.repo == "":
		return wire.WrongField("resource.url", "names no organisation and project")
	case id == 0:
		return wire.WrongField(field, "is missing")
	default:
		return nil
	}
}
