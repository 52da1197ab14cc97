package cireceiver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ReconcileConfig says which providers are asked for what their deliveries may have lost.
type ReconcileConfig struct {
	// Interval is the pause between two cycles. Default 10m.
	Interval time.Duration `mapstructure:"interval"`
	// Lookback is how far back runs are listed. Default 24h.
	Lookback time.Duration `mapstructure:"lookback"`
	// Reserve is how many requests of a provider's limit are left to others: at that many the reconciler waits for the
	// limit to be renewed. Default 500.
	Reserve int `mapstructure:"reserve"`
	// GitHub are accounts at GitHub. Default none.
	GitHub []AccountConfig `mapstructure:"github"`
	// GitLab are accounts at GitLab. Default none.
	GitLab []AccountConfig `mapstructure:"gitlab"`
}

// AccountConfig is an account and what it reads.
type AccountConfig struct {
	// API is the address of the provider's REST API. Default https://api.github.com, https://gitlab.com/api/v4.
	API string `mapstructure:"api"`
	// Repos are full names of repositories or projects, for example acme/shop.
	Repos []string `mapstructure:"repos"`
	// Token may read runs and deployments.
	Token *SecretConfig `mapstructure:"token"`
	// App stands for Token at GitHub.
	App *AppConfig `mapstructure:"app"`
}

// AppConfig is an installation of a GitHub App with the permissions Actions: read and Deployments: read.
type AppConfig struct {
	// ID is the App's.
	ID int64 `mapstructure:"id"`
	// InstallationID is that of the organisation's or person's installation.
	InstallationID int64 `mapstructure:"installation_id"`
	// PrivateKey is the App's key as GitHub gives it, in PEM.
	PrivateKey SecretConfig `mapstructure:"private_key"`
}

func (cfg *ReconcileConfig) accounts() int { return len(cfg.GitHub) + len(cfg.GitLab) }

func (cfg *ReconcileConfig) validate() error {
	if cfg.accounts() == 0 {
		return nil
	}
	switch {
	case cfg.Interval < time.Minute:
		return fmt.Errorf("reconcile::interval must be at least 1m, got %s", cfg.Interval)
	case cfg.Lookback < cfg.Interval:
		return fmt.Errorf("reconcile::lookback must be at least the interval of %s, got %s", cfg.Interval, cfg.Lookback)
	case cfg.Reserve < 0:
		return fmt.Errorf("reconcile::reserve must be at least 0, got %d", cfg.Reserve)
	}
	for i, a := range cfg.GitHub {
		if err := a.validate(true); err != nil {
			return fmt.Errorf("reconcile::github[%d]::%w", i, err)
		}
	}
	for i, a := range cfg.GitLab {
		if err := a.validate(false); err != nil {
			return fmt.Errorf("reconcile::gitlab[%d]::%w", i, err)
		}
	}
	return nil
}

func (a *AccountConfig) validate(github bool) error {
	if a.API != "" {
		u, err := url.Parse(a.API)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("api must be an address of http or https, got %q", a.API)
		}
	}
	if len(a.Repos) == 0 {
		return errors.New("repos must name at least one repository, for example acme/shop")
	}
	for i, r := range a.Repos {
		owner, name, ok := strings.Cut(r, "/")
		if !ok || owner == "" || name == "" || github && strings.Contains(name, "/") {
			return fmt.Errorf("repos[%d] must be a full name, for example acme/shop, got %q", i, r)
		}
	}
	switch {
	case a.App != nil && !github:
		return errors.New("app is for github; gitlab takes a token")
	case (a.Token == nil) == (a.App == nil):
		if !github {
			return errors.New("token must be set")
		}
		return errors.New("exactly one of token and app must be set")
	case a.Token != nil:
		if err := a.Token.validate(); err != nil {
			return fmt.Errorf("token: %w", err)
		}
		return nil
	case a.App.ID <= 0:
		return fmt.Errorf("app::id must be the App's number, got %d", a.App.ID)
	case a.App.InstallationID <= 0:
		return fmt.Errorf("app::installation_id must be the installation's number, got %d", a.App.InstallationID)
	}
	if err := a.App.PrivateKey.validate(); err != nil {
		return fmt.Errorf("app::private_key: %w", err)
	}
	return nil
}
