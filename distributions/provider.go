// Package distributions holds the roles of the summit collector: one folder per role with its configuration. They are
// built into the binary and read through the configuration scheme "role", as in --config role:gateway.
package distributions

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// Scheme is the configuration scheme of the roles.
const Scheme = "role"

//go:embed */config.yaml
var configs embed.FS

// Names lists the roles in alphabetical order.
func Names() []string {
	files, err := fs.Glob(configs, "*/config.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = path.Dir(f)
	}
	return names
}

// Config gives the YAML of a role. An unknown name is an error that lists the roles.
func Config(role string) ([]byte, error) {
	b, err := configs.ReadFile(role + "/config.yaml")
	if err != nil {
		return nil, fmt.Errorf("unknown role %q: want one of %s", role, strings.Join(Names(), ", "))
	}
	return b, nil
}

// NewProviderFactory makes the provider of the scheme "role".
func NewProviderFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return provider{} })
}

type provider struct{}

func (provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	role, ok := strings.CutPrefix(uri, Scheme+":")
	if !ok {
		return nil, fmt.Errorf("%q: want a role, as in role:standalone", uri)
	}
	b, err := Config(role)
	if err != nil {
		return nil, err
	}
	return confmap.NewRetrievedFromYAML(b)
}

func (provider) Scheme() string { return Scheme }

func (provider) Shutdown(context.Context) error { return nil }
