package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/summitobs/summit/distributions"
	"github.com/summitobs/summit/internal/datadir"
)

// takeDataDir removes --data-dir from the arguments and puts the data folder, the flag's or the default one, into the
// environment, where the role configurations read it.
func takeDataDir(args []string) ([]string, error) {
	rest := make([]string, 0, len(args))
	dir := ""
	for i := 0; i < len(args); i++ {
		value, found := strings.CutPrefix(args[i], "--data-dir")
		switch {
		case !found:
			rest = append(rest, args[i])
			continue
		case strings.HasPrefix(value, "="):
			dir = value[1:]
		case value == "" && i+1 < len(args):
			i++
			dir = args[i]
		default:
			return nil, errors.New("--data-dir: want a folder, as in --data-dir=/var/lib/summit")
		}
		if dir == "" {
			return nil, errors.New("--data-dir: want a folder, got an empty name")
		}
	}
	if dir == "" {
		var err error
		if dir, err = datadir.Path(); err != nil {
			return nil, err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("--data-dir %q: %w", dir, err)
	}
	return rest, os.Setenv(datadir.Env, abs)
}

// noPipelines is upstream's switch without which a configuration must have pipelines.
const noPipelines = "--feature-gates=service.AllowNoPipelines"

// withoutPipelines lets role:store start, which takes no telemetry. Other configurations without pipelines are mistakes.
func withoutPipelines(args []string) []string {
	const role = distributions.Scheme + ":store"
	for i, a := range args {
		if a == "--config="+role || a == "--config" && i+1 < len(args) && args[i+1] == role {
			return append(append([]string(nil), args...), noPipelines)
		}
	}
	return args
}

// withDefaultRole puts role:standalone first where --set is given without --config: upstream's default configuration
// gives way to any of the two flags.
func withDefaultRole(args []string) []string {
	hasSet, hasConfig := false, false
	for _, a := range args {
		hasSet = hasSet || a == "--set" || strings.HasPrefix(a, "--set=")
		hasConfig = hasConfig || a == "--config" || strings.HasPrefix(a, "--config=")
	}
	if hasSet && !hasConfig {
		return append(append([]string(nil), args...), "--config="+distributions.Scheme+":standalone")
	}
	return args
}
