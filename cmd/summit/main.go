// Command summit is the OpenTelemetry Collector distribution of the platform. Its roles are configurations: alone it
// starts role:standalone, everything in one process; --config role:gateway starts another role and --config file.yaml
// makes it an ordinary collector.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/summitobs/summit/distributions"
	"github.com/summitobs/summit/extension/storeextension"
)

// version is set by the release build.
var version = "0.1.0-dev"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	args, err := takeDataDir(args)
	if err != nil {
		return err
	}
	tuneMemory()
	cmd := otelcol.NewCommand(settings())
	cmd.SetArgs(withDefaultRole(args))
	cmd.SilenceErrors = true // main prints them, these and its own
	err = cmd.Execute()
	// The engine outlives a shutdown for a while so that a reload can take it over; here nobody will.
	return errors.Join(err, storeextension.CloseIdle())
}

func settings() otelcol.CollectorSettings {
	return otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     "summit",
			Description: "OpenTelemetry Collector that joins build intelligence to production telemetry",
			Version:     version,
		},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				URIs: []string{distributions.Scheme + ":standalone"},
				ProviderFactories: []confmap.ProviderFactory{
					distributions.NewProviderFactory(),
					envprovider.NewFactory(),
					fileprovider.NewFactory(),
					httpprovider.NewFactory(),
					yamlprovider.NewFactory(),
				},
			},
		},
	}
}

// tuneMemory trades memory for CPU as the write path was measured: a third less CPU at GOGC=400, bounded by a limit.
// What the environment sets wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}
