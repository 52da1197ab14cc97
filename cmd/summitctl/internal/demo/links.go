package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// printLinks waits until the story can be seen and prints the three pages worth opening.
func (s *session) printLinks(ctx context.Context) error {
	story := s.world.Story()
	from := "now-" + (s.history + time.Hour).String()
	var group, trace string
	err := s.poll(ctx, shownTimeout, "the error and the slow trace to be shown", func(ctx context.Context) (bool, error) {
		var errGroup, errTrace error
		group, errGroup = s.find(ctx, "/errors", "fingerprint", url.Values{"service": {story.BadService}, "environment": {"production"}, "commit_sha": {story.BadCommit}, "from": {from}})
		trace, errTrace = s.find(ctx, "/traces", "trace_id", url.Values{"service": {story.SlowService}, "commit_sha": {story.SlowCommit}, "min_duration_ns": {"250000000"}, "limit": {"1"}, "from": {from}})
		return group != "" && trace != "", errors.Join(errGroup, errTrace)
	})
	if err != nil {
		return err
	}
	build := ""
	if n := len(story.FlakyRunIDs); n > 0 {
		build = story.FlakyRunIDs[n-1]
	}
	span := "?from=" + url.QueryEscape(from)
	for _, l := range [][2]string{
		{"the error a commit causes, with the build and deployment it came by", "/errors/" + group + span},
		{"a trace of the release that got slow", "/traces/" + trace},
		{"a build whose test is flaky", "/builds/" + escape(build)},
	} {
		if _, err := fmt.Fprintf(s.out, "%s\n", s.api.Link(l[1])); err != nil {
			return err
		}
		s.talk.say("  ↑ " + l[0])
	}
	return nil
}

// find gives a field of the first item of a list, "" when the list is empty.
func (s *session) find(ctx context.Context, path, field string, q url.Values) (string, error) {
	raw, err := s.api.Get(ctx, path, q)
	if err != nil {
		return "", err
	}
	var list struct {
		Items []map[string]json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(list.Items) == 0 {
		return "", nil
	}
	var value string
	return value, json.Unmarshal(list.Items[0][field], &value)
}
