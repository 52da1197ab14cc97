package faker

import (
	"encoding/json"
	"fmt"
	"time"
)

const (
	workflowName = "CI"
	workflowPath = ".github/workflows/ci.yml"
)

func (s *service) ghRepo() ghRepo {
	return ghRepo{
		ID: s.repoID, Name: s.name, FullName: s.repo(), Private: true, Owner: ghUser{owner, ownerID, "Organization"},
		HTMLURL: "https://github.com/" + s.repo(), URL: "https://api.github.com/repos/" + s.repo(), DefaultBranch: defaultHead,
	}
}

func (c *change) user() ghUser { return ghUser{people[c.author].login, int64(1000 + c.author), "User"} }

func (c *change) person() ghPerson {
	p := people[c.author]
	return ghPerson{p.name, p.login + "@acme.example"}
}

func (c *change) ghCommit() ghCommit {
	return ghCommit{
		ID: c.sha, Message: c.subject + "\n\nReviewed by two.", Timestamp: c.at.Add(-2 * time.Minute),
		URL:    "https://github.com/" + c.service.repo() + "/commit/" + c.sha,
		Author: c.person(), Committer: c.person(), Added: []string{}, Removed: []string{}, Modified: c.service.files[:1+c.index%len(c.service.files)],
	}
}

func (c *change) push() ghPush {
	s := c.service
	return ghPush{
		Ref: "refs/heads/" + defaultHead, Before: c.before, After: c.sha, Compare: "https://github.com/" + s.repo() + "/compare/" + c.before[:12] + "..." + c.sha[:12],
		Commits: []ghCommit{c.ghCommit()}, HeadCommit: c.ghCommit(), Repository: s.ghRepo(), Pusher: c.person(), Sender: c.user(),
	}
}

func (c *change) workflow() ghWorkflow {
	return ghWorkflow{ID: c.service.repoID + 7, Name: workflowName, Path: workflowPath}
}

func (c *change) run(a attempt, status string, at time.Time) ghRun {
	s := c.service
	r := ghRun{
		ID: c.runID, Name: workflowName, HeadBranch: defaultHead, HeadSHA: c.sha, Path: workflowPath, DisplayTitle: c.subject, RunNumber: c.number,
		Event: "push", Status: status, WorkflowID: c.workflow().ID,
		URL:     fmt.Sprintf("https://api.github.com/repos/%s/actions/runs/%d", s.repo(), c.runID),
		HTMLURL: fmt.Sprintf("https://github.com/%s/actions/runs/%d", s.repo(), c.runID),
		// GitHub keeps the creation of the first attempt for all.
		CreatedAt: c.attempts[0].createdAt.Truncate(time.Second), UpdatedAt: at, RunAttempt: a.number, RunStartedAt: a.startedAt,
		Actor: c.user(), TriggeringActor: c.user(), HeadCommit: c.ghCommit(), Repository: s.ghRepo(),
	}
	if status == "completed" {
		word := "failure"
		if a.success {
			word = "success"
		}
		r.Conclusion = &word
	}
	return r
}

func (c *change) runEvent(a attempt, action, status string, at time.Time) ghRunEvent {
	return ghRunEvent{Action: action, Run: c.run(a, status, at), Workflow: c.workflow(), Repository: c.service.ghRepo(), Sender: c.user()}
}

func (c *change) jobEvent(a attempt, i int, action string) ghJobEvent {
	s, jr := c.service, &a.jobs[i]
	j := ghJob{
		ID: jr.id, RunID: c.runID, WorkflowName: workflowName, HeadBranch: defaultHead, HeadSHA: c.sha, RunAttempt: a.number,
		URL:     fmt.Sprintf("https://api.github.com/repos/%s/actions/jobs/%d", s.repo(), jr.id),
		HTMLURL: fmt.Sprintf("https://github.com/%s/actions/runs/%d/job/%d", s.repo(), c.runID, jr.id),
		RunURL:  fmt.Sprintf("https://api.github.com/repos/%s/actions/runs/%d", s.repo(), c.runID),
		Name:    pipeline[i].name, Status: action, CreatedAt: jr.createdAt, StartedAt: jr.createdAt, Steps: []ghStep{}, Labels: []string{"self-hosted", "linux"},
	}
	if action != "queued" {
		runner, group, id := jr.runner, "default", int64(len(jr.runner))
		j.StartedAt, j.RunnerName, j.RunnerGroup, j.RunnerID = jr.startedAt, &runner, &group, &id
	}
	if action == "completed" {
		j.Conclusion, j.CompletedAt = &jr.conclusion, &jr.finishedAt
		for k := range jr.steps {
			st := &jr.steps[k]
			j.Steps = append(j.Steps, ghStep{Name: st.name, Status: "completed", Conclusion: &st.conclusion, Number: st.number, StartedAt: &st.startedAt, CompletedAt: &st.finishedAt})
		}
	}
	return ghJobEvent{Action: action, Job: j, Repository: s.ghRepo(), Sender: c.user()}
}

func (c *change) deploymentEvent(d deploy, state string, at time.Time) ghDeploymentEvent {
	s := c.service
	base := fmt.Sprintf("https://api.github.com/repos/%s/deployments/%d", s.repo(), d.id)
	last := c.attempts[len(c.attempts)-1]
	ev := ghDeploymentEvent{
		Action: "created",
		Deployment: ghDeployment{
			ID: d.id, URL: base, SHA: c.sha, Ref: defaultHead, Task: "deploy", Payload: map[string]any{}, Environment: d.environment,
			Description: "Release " + c.version, Creator: c.user(), CreatedAt: d.createdAt, UpdatedAt: at,
		},
		Workflow: c.workflow(), Run: c.run(last, "completed", last.finishedAt), Repository: s.ghRepo(), Sender: c.user(),
	}
	if state != "" {
		ev.Status = &ghDeploymentStatus{
			ID: d.id*4 + int64(len(state)), State: state, Environment: d.environment, Creator: c.user(), CreatedAt: at, UpdatedAt: at,
			TargetURL: ev.Run.HTMLURL, LogURL: ev.Run.HTMLURL, EnvironmentURL: "https://" + d.environment + ".shop.acme.example",
		}
	}
	return ev
}

// marshal encodes a payload of our own types, which can't fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}
