package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

type gitlabProject struct {
	ID                int64  `json:"id"`
	WebURL            string `json:"web_url"`
	PathWithNamespace string `json:"path_with_namespace"`
}

// gitlabProject lists a project's pipelines with all their jobs and its deployments. Where the API says other than a
// hook, the hook's words are used.
func (s *Source) gitlabProject(ctx context.Context, name string, since time.Time, emit Emit) error {
	path := "projects/" + url.PathEscape(name)
	var p gitlabProject
	if _, err := s.client.get(ctx, path, &p); err != nil {
		return err
	}
	project, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write a project: %w", err)
	}
	query := url.Values{"per_page": {"100"}, "order_by": {"updated_at"}, "sort": {"asc"}, "updated_after": {since.UTC().Format(time.RFC3339)}}
	for next := path + "/pipelines?" + query.Encode(); next != ""; {
		var page []struct {
			ID        int64  `json:"id"`
			Status    string `json:"status"`
			UpdatedAt string `json:"updated_at"`
		}
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, pl := range page {
			id, ended := fmt.Sprintf("%s/%d", path, pl.ID), isEnd(pl.Status)
			if s.isDone(id, ended, pl.UpdatedAt) {
				continue
			}
			if err := s.gitlabPipeline(ctx, path, project, pl.ID, emit); err != nil {
				return err
			}
			s.markDone(id, ended, pl.UpdatedAt)
		}
	}
	return s.gitlabDeployments(ctx, path, project, p.WebURL, since, emit)
}

func isEnd(status string) bool {
	return status == "success" || status == "failed" || status == "canceled" || status == "skipped"
}

// fraction is what the API's times have and those of hooks haven't: with it a pipeline's end would be another end.
var fraction = regexp.MustCompile(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(Z|[+-]\d\d:?\d\d)"`)

func whole(raw json.RawMessage) json.RawMessage {
	return fraction.ReplaceAll(raw, []byte(`"$1$2"`))
}

func (s *Source) gitlabPipeline(ctx context.Context, path string, project json.RawMessage, id int64, emit Emit) error {
	var raw json.RawMessage
	if _, err := s.client.get(ctx, fmt.Sprintf("%s/pipelines/%d", path, id), &raw); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("read a pipeline: %w", err)
	}
	// The hook's name of the page, and no object for the status.
	fields["url"] = fields["web_url"]
	delete(fields, "detailed_status")
	user := fields["user"]
	attributes, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("write a pipeline: %w", err)
	}
	jobs := map[int64]string{}
	for next := fmt.Sprintf("%s/pipelines/%d/jobs?include_retried=true&per_page=100", path, id); next != ""; {
		var page []json.RawMessage
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, j := range page {
			var job struct {
				ID int64 `json:"id"`
			}
			if err := json.Unmarshal(j, &job); err != nil {
				return fmt.Errorf("read a job: %w", err)
			}
			jobs[job.ID] = string(whole(j))
		}
	}
	// Hooks list jobs as they were made, stage by stage.
	builds := make([]string, 0, len(jobs))
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		builds = append(builds, jobs[id])
	}
	parts := []any{"project", project, "object_attributes", whole(attributes), "builds", "[" + strings.Join(builds, ",") + "]"}
	if len(user) > 0 {
		parts = append(parts, "user", user)
	}
	return emit(ctx, delivery("pipeline", parts...))
}

func (s *Source) gitlabDeployments(ctx context.Context, path string, project json.RawMessage, web string, since time.Time, emit Emit) error {
	query := url.Values{"per_page": {"100"}, "order_by": {"updated_at"}, "sort": {"asc"}, "updated_after": {since.UTC().Format(time.RFC3339)}}
	for next := path + "/deployments?" + query.Encode(); next != ""; {
		var page []struct {
			ID          int64  `json:"id"`
			SHA         string `json:"sha"`
			Ref         string `json:"ref"`
			Status      string `json:"status"`
			UpdatedAt   string `json:"updated_at"`
			Environment struct {
				Name        string `json:"name"`
				Tier        string `json:"tier"`
				ExternalURL string `json:"external_url"`
			} `json:"environment"`
			Deployable struct {
				ID     int64  `json:"id"`
				WebURL string `json:"web_url"`
			} `json:"deployable"`
			User struct {
				Username string `json:"username"`
			} `json:"user"`
		}
		var err error
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, d := range page {
			hook, err := json.Marshal(map[string]any{
				"project": project, "status": d.Status, "status_changed_at": d.UpdatedAt, "deployment_id": d.ID, "deployable_id": d.Deployable.ID,
				"deployable_url": d.Deployable.WebURL, "environment": d.Environment.Name, "environment_tier": d.Environment.Tier,
				"environment_external_url": d.Environment.ExternalURL, "commit_url": web + "/-/commit/" + d.SHA, "ref": d.Ref, "user": d.User,
			})
			if err != nil {
				return fmt.Errorf("write a deployment: %w", err)
			}
			h := delivery("deployment")
			h.Payload = whole(hook)
			if err := emit(ctx, h); err != nil {
				return err
			}
		}
	}
	return nil
}
