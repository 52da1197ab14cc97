package main

import (
	"context"
	"errors"

	contrib "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/nopexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/summitobs/summit/exporter/clickhouseexporter"
)

// The configurations of the sides; %[1]s is the OTLP address, %[2]s the engine's, %[3]s the folder of the queue.
const (
	receiving = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "%[1]s", max_recv_msg_size_mib: 32}
`
	receiverConfig = receiving + `
exporters:
  nop:
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
# %[2]s %[3]s
`
	summitConfig = receiving + `
exporters:
  summit_clickhouse:
    endpoint: "%[2]s"
    queue: {path: "%[3]s"}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [summit_clickhouse]}
`
	// Contrib's defaults, but for what a durable queue is: it doesn't refuse, it waits, and an insert has the time that a
	// busy engine takes. Its files aren't synced, which is its default.
	contribConfig = receiving + `
extensions:
  file_storage: {directory: "%[3]s", create_directory: true}
exporters:
  clickhouse:
    endpoint: "http://%[2]s"
    database: otel
    timeout: 60s
    sending_queue: {storage: file_storage, block_on_overflow: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [clickhouse]}
`
)

// collect runs a collector until ctx ends.
func collect(ctx context.Context, file string) error {
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "upstream", Description: "one exporter behind the OTLP receiver", Version: "0.1.0"},
		Factories:               factories,
		DisableGracefulShutdown: true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"file:" + file},
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
		}},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

func factories() (otelcol.Factories, error) {
	f := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var errs [3]error
	f.Extensions, errs[0] = otelcol.MakeFactoryMap[extension.Factory](filestorage.NewFactory())
	f.Receivers, errs[1] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	f.Exporters, errs[2] = otelcol.MakeFactoryMap[exporter.Factory](nopexporter.NewFactory(), clickhouseexporter.NewFactory(), contrib.NewFactory())
	return f, errors.Join(errs[:]...)
}
