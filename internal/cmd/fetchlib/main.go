// Command fetchlib fetches the embedded ClickHouse engine, libchdb, into a folder: `fetchlib -dir bin`. `make setup` runs it,
// so that package chdb finds the library beside the binaries. It asks npm where the package lies, downloads it with
// resume, and takes only a library whose hash is pinned in pins.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "bin", "folder for "+libraryName)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "fetchlib:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	pin, err := pinFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return err
	}
	f := &fetcher{
		dir: dir, pin: pin, out: os.Stderr, view: npmView, pause: time.Second,
		client: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true,
		}},
	}
	return f.fetch(ctx)
}

// npmView asks npm for one field of the package; npm knows the registry that this machine uses.
func npmView(ctx context.Context, spec, field string) (string, error) {
	out, err := exec.CommandContext(ctx, "npm", "view", spec, field).Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("npm is not installed; it is asked where the engine's package lies")
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("npm view %s %s: %w: %s", spec, field, err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("npm view %s %s: %w", spec, field, err)
	}
	value := strings.TrimSpace(string(out))
	if value == "" {
		return "", fmt.Errorf("npm view %s %s: no answer; is the version there?", spec, field)
	}
	return value, nil
}
