// Package reconcile asks the REST APIs of providers for what their deliveries may have lost: it lists the runs and
// deployments of the last hours and gives them to the provider's package as if they had been delivered. What is known
// already changes nothing. Package cireceiver runs it beside its doors.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Settings of one provider account and what it may read.
type Settings struct {
	// API is the base address, for example https://api.github.com.
	API string
	// Repos are full names of repositories or projects.
	Repos []string
	// Token is a token of the account; empty with an App.
	Token string
	// AppID, InstallationID and PrivateKey are a GitHub App's.
	AppID          int64
	InstallationID int64
	PrivateKey     []byte
	// Reserve is how many requests of the provider's limit are left to others.
	Reserve int
	// Lookback is how far back runs are listed.
	Lookback time.Duration
	// HTTP asks the provider.
	HTTP *http.Client
	// Wait is told of each pause, by its reason.
	Wait func(reason string, d time.Duration)
}

// Emit takes one delivery made of an API's answer. An error means that it wasn't stored: it comes again next time.
type Emit func(ctx context.Context, h wire.Head) error

// Source is one account of one provider.
type Source struct {
	name   string
	client *client
	set    Settings
	cycle  func(ctx context.Context, repo string, since time.Time, emit Emit) error
	// done are the ended runs whose parts were asked for, by their id and last change.
	done map[string]time.Time
}

// GitHub makes a source of GitHub's API.
func GitHub(set Settings) (*Source, error) {
	s, err := newSource("github", set)
	if err != nil {
		return nil, err
	}
	s.cycle = s.githubRepo
	switch {
	case set.AppID != 0:
		key, err := parseKey(set.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("private_key %w", err)
		}
		s.client.auth = &app{http: set.HTTP, base: s.client.base, id: set.AppID, installation: set.InstallationID, key: key}
	default:
		s.client.auth = bearer(set.Token)
	}
	return s, nil
}

// GitLab makes a source of GitLab's API.
func GitLab(set Settings) (*Source, error) {
	s, err := newSource("gitlab", set)
	if err != nil {
		return nil, err
	}
	s.cycle, s.client.auth = s.gitlabProject, private(set.Token)
	return s, nil
}

func newSource(name string, set Settings) (*Source, error) {
	base, err := url.Parse(strings.TrimSuffix(set.API, "/") + "/")
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("api must be an address, for example https://api.github.com, got %q", set.API)
	}
	if set.Wait == nil {
		set.Wait = func(string, time.Duration) {}
	}
	return &Source{
		name: name, set: set, done: make(map[string]time.Time),
		client: &client{http: set.HTTP, base: base, reserve: set.Reserve, wait: set.Wait},
	}, nil
}

// Name is the provider's.
func (s *Source) Name() string { return s.name }

// Cycle goes once through all repositories. A repository that can't be read doesn't keep the others from it.
func (s *Source) Cycle(ctx context.Context, emit Emit) error {
	now := time.Now()
	for id, at := range s.done {
		if now.Sub(at) > 2*s.set.Lookback {
			delete(s.done, id)
		}
	}
	var all error
	for _, repo := range s.set.Repos {
		if err := s.cycle(ctx, repo, now.Add(-s.set.Lookback), emit); err != nil {
			if ctx.Err() != nil {
				return err
			}
			all = errors.Join(all, fmt.Errorf("%s: %w", repo, err))
		}
	}
	return all
}

// isDone tells a run whose last change was read with all its parts.
func (s *Source) isDone(id string, ended bool, changed string) bool {
	_, ok := s.done[id+"@"+changed]
	return ok && ended
}

func (s *Source) markDone(id string, ended bool, changed string) {
	if ended {
		s.done[id+"@"+changed] = time.Now()
	}
}
