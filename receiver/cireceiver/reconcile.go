package cireceiver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/summitobs/summit/receiver/cireceiver/internal/github"
	"github.com/summitobs/summit/receiver/cireceiver/internal/gitlab"
	"github.com/summitobs/summit/receiver/cireceiver/internal/reconcile"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// requestTimeout bounds one request of the reconciler.
const requestTimeout = 30 * time.Second

// reconciled is the type of delivery in our counter for what a provider was asked for.
const reconciled = "reconcile"

// account is a source and the provider that reads what it gives.
type account struct {
	source   *reconcile.Source
	provider wire.Provider
}

// startReconciler begins to ask the configured accounts. One whose token isn't set yet is left out.
func (r *ciReceiver) startReconciler() error {
	cfg := &r.cfg.Reconcile
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Timeout: requestTimeout, Transport: transport}
	var accounts []account
	for i := range cfg.GitHub {
		a, err := r.account(&cfg.GitHub[i], "https://api.github.com", client, reconcile.GitHub)
		if err != nil {
			return fmt.Errorf("reconcile::github[%d]::%w", i, err)
		}
		if a != nil {
			accounts = append(accounts, account{a, github.Provider{}})
		}
	}
	for i := range cfg.GitLab {
		a, err := r.account(&cfg.GitLab[i], "https://gitlab.com/api/v4", client, reconcile.GitLab)
		if err != nil {
			return fmt.Errorf("reconcile::gitlab[%d]::%w", i, err)
		}
		if a != nil {
			accounts = append(accounts, account{a, gitlab.Provider{}})
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stopReconciler = func() {
		cancel()
		r.reconciling.Wait()
		transport.CloseIdleConnections()
	}
	for _, a := range accounts {
		// One goroutine an account: a limit that is used up keeps the others from nothing.
		r.reconciling.Go(func() { r.reconcile(ctx, a) })
	}
	return nil
}

func (r *ciReceiver) account(
	cfg *AccountConfig, api string, client *http.Client, open func(reconcile.Settings) (*reconcile.Source, error),
) (*reconcile.Source, error) {
	set := reconcile.Settings{
		API: wire.Or(cfg.API, api), Repos: cfg.Repos, Reserve: r.cfg.Reconcile.Reserve, Lookback: r.cfg.Reconcile.Lookback, HTTP: client,
		Wait: func(reason string, d time.Duration) {
			r.set.Logger.Debug("reconciler waits", zap.String("reason", reason), zap.Duration("for", d))
		},
	}
	secret, field := cfg.Token, "token"
	if cfg.App != nil {
		secret, field = &cfg.App.PrivateKey, "app::private_key"
		set.AppID, set.InstallationID = cfg.App.ID, cfg.App.InstallationID
	}
	secrets, unset, err := load([]SecretConfig{*secret})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if len(unset) > 0 {
		r.set.Logger.Warn("reconciler: a secret is not set; this account isn't asked", zap.Strings("variables", unset))
		return nil, nil
	}
	set.Token, set.PrivateKey = string(secrets[0]), secrets[0]
	source, err := open(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return source, nil
}

// reconcile goes through an account at once and then at each interval, until ctx ends.
func (r *ciReceiver) reconcile(ctx context.Context, a account) {
	tick := time.NewTicker(r.cfg.Reconcile.Interval)
	defer tick.Stop()
	for {
		err := a.source.Cycle(ctx, func(ctx context.Context, h wire.Head) error { return r.takeReconciled(ctx, a.provider, h) })
		if err != nil && ctx.Err() == nil {
			r.count(ctx, a.source.Name(), reconciled, "retry", "cycle")
			if silent, ok := r.throttle.Allow(a.source.Name()); ok {
				r.set.Logger.Warn("reconciler could not read all; the rest is tried at the next interval",
					zap.String("provider", a.source.Name()), zap.Error(err), zap.Int("not_logged_before", silent))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// takeReconciled takes what an API gave as if it had been delivered. What can't be read is counted and left out.
func (r *ciReceiver) takeReconciled(ctx context.Context, p wire.Provider, h wire.Head) error {
	parsed, prob := p.Parse(h, now())
	if prob != nil {
		r.count(ctx, p.Name(), reconciled, "refused", prob.Reason)
		return nil
	}
	bound(parsed.Events)
	res, prob := r.takeParsed(ctx, "", parsed)
	if prob != nil {
		r.count(ctx, p.Name(), reconciled, "retry", prob.Reason)
		return prob
	}
	r.count(ctx, p.Name(), reconciled, res.Status, "")
	return nil
}
