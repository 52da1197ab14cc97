package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/summitobs/summit/testbed/load"
)

func TestConfigurationsAreValid(t *testing.T) {
	for name, config := range map[string]string{"receiver": receiverConfig, "summit": summitConfig, "contrib": contribConfig} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "config.yaml")
			require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, config, "127.0.0.1:4317", "127.0.0.1:8641", filepath.Join(dir, "queue")), 0o600))
			c, err := otelcol.NewCollector(otelcol.CollectorSettings{
				Factories: factories,
				ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
					URIs: []string{"file:" + file}, ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
				}},
			})
			require.NoError(t, err)
			require.NoError(t, c.DryRun(t.Context()))
		})
	}
}

func TestFiguresLeaveTheReceiverOut(t *testing.T) {
	side := func(cpu, whole time.Duration, bytes float64) outcome {
		return outcome{Result: load.Result{Items: 1_000_000}, cpu: cpu, whole: whole, bytes: bytes}
	}
	var values []float64
	for _, f := range figures(side(2*time.Second, time.Second, 0), side(4*time.Second, 5*time.Second, 50), side(12*time.Second, 20*time.Second, 100)) {
		values = append(values, f.Value)
	}
	require.Equal(t, []float64{0.2, 4, 0.5}, values)
}
