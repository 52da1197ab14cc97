package archtest

import (
	"bytes"
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// kinds are the groups of the manifest and the folders of our components.
var kinds = map[string]string{
	"receivers": "receiver", "processors": "processor", "connectors": "connector", "exporters": "exporter", "extensions": "extension",
}

type manifestEntry struct{ module, version, pkg string }

func readManifest(t *testing.T, root string) map[string][]manifestEntry {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "builder-config.yaml"))
	require.NoError(t, err)
	retrieved, err := confmap.NewRetrievedFromYAML(b)
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	out := map[string][]manifestEntry{}
	for group, value := range conf.ToStringMap() {
		entries, ok := value.([]any)
		if !ok {
			continue
		}
		for _, e := range entries {
			fields := e.(map[string]any)
			module, version, ok := strings.Cut(fields["gomod"].(string), " ")
			require.True(t, ok, "%s: %v has no version", group, fields)
			pkg, _ := fields["import"].(string)
			out[group] = append(out[group], manifestEntry{module, version, pkg})
		}
	}
	return out
}

func TestManifestListsEveryComponentFolder(t *testing.T) {
	root, _ := load(t)
	manifest := readManifest(t, root)
	for group, folder := range kinds {
		var listed []string
		for _, e := range manifest[group] {
			if e.module == Module {
				require.Equal(t, "v0.0.0", e.version)
				listed = append(listed, strings.TrimPrefix(e.pkg, Module+"/"))
			}
		}
		factories, err := filepath.Glob(filepath.Join(root, folder, "*", "factory.go"))
		require.NoError(t, err)
		var there []string
		for _, f := range factories {
			rel, err := filepath.Rel(root, filepath.Dir(f))
			require.NoError(t, err)
			there = append(there, filepath.ToSlash(rel))
		}
		slices.Sort(listed)
		slices.Sort(there)
		require.Equal(t, there, listed, "folders of %s/ and the %s of builder-config.yaml", folder, group)
		for _, dir := range there {
			for _, name := range []string{"README.md", "metadata.yaml", "config.go"} {
				require.FileExists(t, filepath.Join(root, dir, name))
			}
		}
	}
}

// goMod is the part of `go mod edit -json` that the tests read.
type goMod struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []any
}

func readGoMod(t *testing.T, root string) goMod {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	var mod goMod
	require.NoError(t, json.Unmarshal(out, &mod))
	return mod
}

func TestManifestAndGoModAgree(t *testing.T) {
	root, _ := load(t)
	versions := map[string]string{}
	for _, r := range readGoMod(t, root).Require {
		versions[r.Path] = r.Version
	}
	for group, entries := range readManifest(t, root) {
		for _, e := range entries {
			if e.module != Module {
				require.Equal(t, versions[e.module], e.version, "%s: %s in builder-config.yaml and in go.mod", group, e.module)
			}
		}
	}
}

func TestGeneratedComponentListIsUpToDate(t *testing.T) {
	root, _ := load(t)
	manifest, err := os.ReadFile(filepath.Join(root, "builder-config.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	out := filepath.Join(dir, "ocb")
	moved := regexp.MustCompile(`(?m)^(\s*output_path:).*$`).ReplaceAll(manifest, []byte("${1} "+out))
	require.NotEqual(t, manifest, moved)
	config := filepath.Join(dir, "builder-config.yaml")
	require.NoError(t, os.WriteFile(config, moved, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "tool", "builder", "--config", config, "--skip-get-modules", "--skip-compilation")
	cmd.Dir = root
	log, err := cmd.CombinedOutput()
	require.NoError(t, err, string(log))
	generated, err := os.ReadFile(filepath.Join(out, "components.go"))
	require.NoError(t, err)
	want, err := format.Source(generated)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(root, "cmd", "summit", "components.go"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "cmd/summit/components.go is stale: run make generate")
}

// A newer train of one collector module raises the core for all of them, and its parts no longer fit.
func TestCoreIsPinned(t *testing.T) {
	root, _ := load(t)
	mod := readGoMod(t, root)
	require.Empty(t, mod.Replace, "a replace line doesn't reach those who build on this module")
	stable, unstable := 0, 0
	for _, r := range mod.Require {
		if !strings.HasPrefix(r.Path, "go.opentelemetry.io/collector") || r.Path == "go.opentelemetry.io/collector/pdata/testdata" {
			continue
		}
		switch r.Version {
		case "v1.67.0":
			stable++
		case "v0.161.0":
			unstable++
		default:
			t.Errorf("%s is at %s: the core is v1.67.0 and v0.161.0", r.Path, r.Version)
		}
	}
	require.Positive(t, stable)
	require.Positive(t, unstable)
}

func TestDirectDependenciesAreExplained(t *testing.T) {
	root, _ := load(t)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	require.NoError(t, err)
	direct := map[string]bool{}
	for _, r := range readGoMod(t, root).Require {
		if r.Indirect {
			continue
		}
		direct[r.Path] = true
		if !bytes.Contains(doc, []byte("`"+r.Path+"`")) {
			t.Errorf("docs/dependencies.md has no line for `%s`: what for, why not by hand, licence", r.Path)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+[.][^`]+/[^`]+)` \\|").FindAllSubmatch(doc, -1) {
		if !direct[string(m[1])] {
			t.Errorf("docs/dependencies.md explains `%s`, which go.mod doesn't require", m[1])
		}
	}
}

// upstreamExporter is what testbed/upstream measures ours against.
const upstreamExporter = "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"

// What a binary must not hold, and why somebody would notice.
func TestForbiddenDependencies(t *testing.T) {
	root, _ := load(t)
	for _, tc := range []struct {
		binary    string
		forbidden []string
	}{
		{"./cmd/summitctl", []string{
			Module + "/internal/clickhouse/chdb", Module + "/queryd", "go.opentelemetry.io/collector/otelcol",
			"github.com/prometheus/prometheus/promql", "github.com/twmb/franz-go/pkg/kgo", "github.com/stretchr/testify/require", upstreamExporter,
		}},
		{"./cmd/queryd", []string{
			Module + "/internal/clickhouse/chdb", Module + "/internal/faker", "go.opentelemetry.io/collector/otelcol",
			"github.com/stretchr/testify/require", "k8s.io/client-go/kubernetes", upstreamExporter,
		}},
		{"./cmd/summit", []string{
			Module + "/internal/faker", "k8s.io/client-go/kubernetes", "github.com/aws/aws-sdk-go-v2/aws",
			"github.com/prometheus/prometheus/discovery/kubernetes", "github.com/mattn/go-sqlite3", upstreamExporter,
		}},
	} {
		t.Run(tc.binary, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", tc.binary)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			out, err := cmd.Output()
			require.NoError(t, err)
			deps := strings.Fields(string(out))
			require.Greater(t, len(deps), 50)
			for _, f := range tc.forbidden {
				if slices.Contains(deps, f) {
					t.Errorf("%s has no business with %s", tc.binary, f)
				}
			}
		})
	}
}
