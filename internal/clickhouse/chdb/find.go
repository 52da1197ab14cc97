package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// LibraryEnv names the environment variable that overrides where the library is looked for.
const LibraryEnv = "SUMMIT_LIBCHDB"

// ErrNotFound is returned by Find when there is no library.
var ErrNotFound = errors.New("the engine library is missing")

// FileName is the library's file name. It is the same on all systems.
const FileName = "libchdb.so"

// Find says where the library is: the configured path, the file that SUMMIT_LIBCHDB names, beside the executable, or in
// ../lib/summit. A path that was given and isn't there is an error, not a reason to look on.
func Find(configured string) (string, error) {
	if configured != "" {
		return existing(configured, "library")
	}
	if env := os.Getenv(LibraryEnv); env != "" {
		return existing(env, LibraryEnv)
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the engine library: %w", err)
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	dir := filepath.Dir(exe)
	tried := []string{filepath.Join(dir, FileName), filepath.Join(dir, "..", "lib", "summit", FileName)}
	for _, path := range tried {
		if _, err := os.Stat(path); err == nil {
			return filepath.Clean(path), nil
		}
	}
	return "", fmt.Errorf("%w: looked at %s on %s/%s; run `make setup`, set library: or %s, or use a ClickHouse server",
		ErrNotFound, strings.Join(tried, ", "), runtime.GOOS, runtime.GOARCH, LibraryEnv)
}

func existing(path, from string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %s names %s: %w", ErrNotFound, from, path, err)
	}
	return path, nil
}
