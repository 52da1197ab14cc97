package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// githubRepo lists a repository's runs with their jobs and its deployments with their statuses. The API gives objects as
// deliveries have them, so each becomes the payload of one.
func (s *Source) githubRepo(ctx context.Context, name string, since time.Time, emit Emit) error {
	path := "repos/" + escaped(name)
	var repo json.RawMessage
	if _, err := s.client.get(ctx, path, &repo); err != nil {
		return err
	}
	query := url.Values{"per_page": {"100"}, "created": {">=" + since.UTC().Format("2006-01-02T15:04:05Z")}}
	for next := path + "/actions/runs?" + query.Encode(); next != ""; {
		var page struct {
			Runs []json.RawMessage `json:"workflow_runs"`
		}
		var err error
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, raw := range page.Runs {
			if err := s.githubRun(ctx, path, repo, raw, emit); err != nil {
				return err
			}
		}
	}
	return s.githubDeployments(ctx, path, repo, since, emit)
}

func (s *Source) githubRun(ctx context.Context, path string, repo, raw json.RawMessage, emit Emit) error {
	var run struct {
		ID         int64  `json:"id"`
		RunAttempt int    `json:"run_attempt"`
		Status     string `json:"status"`
		UpdatedAt  string `json:"updated_at"`
	}
	if err := json.Unmarshal(raw, &run); err != nil {
		return fmt.Errorf("read a run: %w", err)
	}
	id, ended := fmt.Sprintf("%s/%d/%d", path, run.ID, run.RunAttempt), run.Status == "completed"
	if s.isDone(id, ended, run.UpdatedAt) {
		return nil
	}
	// An attempt before the last is listed only under its own address.
	for attempt := 1; attempt < run.RunAttempt; attempt++ {
		earlier := fmt.Sprintf("%s/%d/%d", path, run.ID, attempt)
		if s.isDone(earlier, true, "") {
			continue
		}
		var old json.RawMessage
		if _, err := s.client.get(ctx, fmt.Sprintf("%s/actions/runs/%d/attempts/%d", path, run.ID, attempt), &old); err != nil {
			return err
		}
		if err := s.githubAttempt(ctx, path, repo, old, run.ID, attempt, emit); err != nil {
			return err
		}
		s.markDone(earlier, true, "")
	}
	if err := s.githubAttempt(ctx, path, repo, raw, run.ID, max(run.RunAttempt, 1), emit); err != nil {
		return err
	}
	s.markDone(id, ended, run.UpdatedAt)
	return nil
}

func (s *Source) githubAttempt(ctx context.Context, path string, repo, run json.RawMessage, id int64, attempt int, emit Emit) error {
	if err := emit(ctx, delivery("workflow_run", "repository", repo, "workflow_run", run)); err != nil {
		return err
	}
	for next := fmt.Sprintf("%s/actions/runs/%d/attempts/%d/jobs?per_page=100", path, id, attempt); next != ""; {
		var page struct {
			Jobs []json.RawMessage `json:"jobs"`
		}
		var err error
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, job := range page.Jobs {
			if err := emit(ctx, delivery("workflow_job", "repository", repo, "workflow_job", job)); err != nil {
				return err
			}
		}
	}
	return nil
}

// githubDeployments come newest first.
func (s *Source) githubDeployments(ctx context.Context, path string, repo json.RawMessage, since time.Time, emit Emit) error {
	for next := path + "/deployments?per_page=100"; next != ""; {
		var page []json.RawMessage
		var err error
		if next, err = s.client.get(ctx, next, &page); err != nil {
			return err
		}
		for _, raw := range page {
			var d struct {
				ID        int64     `json:"id"`
				CreatedAt time.Time `json:"created_at"`
				UpdatedAt string    `json:"updated_at"`
			}
			if err := json.Unmarshal(raw, &d); err != nil {
				return fmt.Errorf("read a deployment: %w", err)
			}
			if d.CreatedAt.Before(since) {
				return nil
			}
			id := fmt.Sprintf("%s/deployments/%d", path, d.ID)
			if s.isDone(id, true, d.UpdatedAt) {
				continue
			}
			if err := s.githubDeployment(ctx, path, repo, raw, d.ID, emit); err != nil {
				return err
			}
			s.markDone(id, true, d.UpdatedAt)
		}
	}
	return nil
}

func (s *Source) githubDeployment(ctx context.Context, path string, repo, raw json.RawMessage, id int64, emit Emit) error {
	if err := emit(ctx, delivery("deployment", "repository", repo, "deployment", raw)); err != nil {
		return err
	}
	for next := fmt.Sprintf("%s/deployments/%d/statuses?per_page=100", path, id); next != ""; {
		var statuses []json.RawMessage
		var err error
		if next, err = s.client.get(ctx, next, &statuses); err != nil {
			return err
		}
		for _, st := range statuses {
			if err := emit(ctx, delivery("deployment_status", "repository", repo, "deployment", raw, "deployment_status", st)); err != nil {
				return err
			}
		}
	}
	return nil
}

// delivery writes a payload of parts, which come in pairs of name and JSON.
func delivery(event string, parts ...any) wire.Head {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i+1 < len(parts); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", parts[i], parts[i+1])
	}
	b.WriteByte('}')
	return wire.Head{Event: event, Payload: []byte(b.String())}
}

// escaped keeps the slash between owner and name.
func escaped(repo string) string {
	owner, name, _ := strings.Cut(repo, "/")
	return url.PathEscape(owner) + "/" + url.PathEscape(name)
}
