// Command summit is the OpenTelemetry Collector distribution of the platform. Its roles are configurations: alone it
// starts role:standalone, everything in one process; --config role:gateway starts another role and --config file.yaml
// makes it an ordinary collector.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run ends cleanly when ctx does, in the midst of a start too: upstream listens to signals only once it has started.
func run(ctx context.Context, args []string) error {
	args, err := takeDataDir(args)
	if err != nil {
		return err
	}
	if err := tuneMemory(args); err != nil {
		return err
	}
	cmd := otelcol.NewCommand(settings())
	cmd.SetArgs(withoutPipelines(withDefaultRole(args)))
	cmd.SilenceErrors = true // main prints them, these and its own
	err = cmd.ExecuteContext(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // the start was interrupted, what had started is shut down
	}
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
		// The context of run ends by the same signals, and before the start is over.
		DisableGracefulShutdown: true,
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
