package cireceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

// Type is the type of the receiver in configurations.
var Type = component.MustNewType("summit_ci")

// NewFactory makes the factory of the CI receiver.
func NewFactory() receiver.Factory {
	f := &factory{receivers: make(map[*Config]*ciReceiver)}
	return receiver.NewFactory(Type, createDefaultConfig,
		receiver.WithLogs(f.createLogs, component.StabilityLevelDevelopment),
		receiver.WithTraces(f.createTraces, component.StabilityLevelDevelopment))
}

func createDefaultConfig() component.Config {
	return &Config{
		Door: component.MustNewID("summit_door"), Tenant: "default",
		Reconcile: ReconcileConfig{Interval: 10 * time.Minute, Lookback: 24 * time.Hour, Reserve: 500},
	}
}

// factory keeps one receiver per configuration, which its logs and its traces pipeline share: they have the same routes.
type factory struct {
	mu        sync.Mutex
	receivers map[*Config]*ciReceiver
}

func (f *factory) createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	r, err := f.shared(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.logs = next
	return r, nil
}

func (f *factory) createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	r, err := f.shared(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.traces = next
	return r, nil
}

func (f *factory) shared(set receiver.Settings, cfg *Config) (*ciReceiver, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.receivers[cfg]; ok {
		return r, nil
	}
	r, err := newReceiver(set, cfg)
	if err != nil {
		return nil, err
	}
	r.forget = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.receivers, cfg)
	}
	f.receivers[cfg] = r
	return r, nil
}
