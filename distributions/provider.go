// Package distributions holds the roles of the summit collector: one folder per role with its configuration. They are
// built into the binary and read through the configuration scheme "role", as in --config role:gateway. A role may have
// overlays beside its configuration, which change it for a set-up: --config role:gateway --config role:gateway/store-apart.
package distributions

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// Scheme is the configuration scheme of the roles.
const Scheme = "role"

//go:embed */*.yaml
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

// Overlays lists the overlays of a role in alphabetical order.
func Overlays(role string) []string {
	files, err := fs.ReadDir(configs, role)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".yaml"); name != "config" {
			names = append(names, name)
		}
	}
	return names
}

// Config gives the YAML of a role, or of one of its overlays, as in gateway/store-apart. An unknown name is an error that
// lists what there is.
func Config(name string) ([]byte, error) {
	role, overlay, layered := strings.Cut(name, "/")
	if !slices.Contains(Names(), role) {
		return nil, fmt.Errorf("unknown role %q: want one of %s", role, strings.Join(Names(), ", "))
	}
	if !layered {
		return configs.ReadFile(role + "/config.yaml")
	}
	known := Overlays(role)
	if !slices.Contains(known, overlay) {
		return nil, fmt.Errorf("role %s has no overlay %q: want one of [%s]", role, overlay, strings.Join(known, ", "))
	}
	return configs.ReadFile(path.Join(role, overlay+".yaml"))
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
