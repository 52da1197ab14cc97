// Package up is the verb that starts a whole system on this machine: the collector in the standalone role as a child
// process, and, when asked, the demo's traffic. Ctrl-C stops both in order.
package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/secret"
	"github.com/summitobs/summit/internal/datadir"
)

// Time limits of a start and a stop.
const (
	readyTimeout = 90 * time.Second
	stopTimeout  = 30 * time.Second
)

// options are the flags of the verb.
type options struct {
	demo    bool
	dataDir string
	role    string
	binary  string
}

// Command gives the cobra command. Arguments after the flags go to `summitctl demo`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "up [flags] [-- flags of demo]",
		Short: "Start everything on this machine in one process",
		Long: `Starts the summit collector in the standalone role, waits until it is ready and prints where to look.
With --demo it also sends correlated history and live traffic through the real doors. Ctrl-C stops both; the data stays.`,
		Example: "  summitctl up --demo\n  summitctl up --data-dir /srv/summit",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return run(ctx, o, args, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&o.demo, "demo", false, "send demo data")
	cmd.Flags().StringVar(&o.dataDir, "data-dir", "", "data folder (default $SUMMIT_DATA_DIR, else the XDG data folder)")
	cmd.Flags().StringVar(&o.role, "role", "standalone", "role to start")
	cmd.Flags().StringVar(&o.binary, "summit", "", "collector binary (default beside this program, else on PATH)")
	return cmd
}

func run(ctx context.Context, o options, demoArgs []string, talk io.Writer) error {
	if o.dataDir != "" {
		if err := os.Setenv(datadir.Env, o.dataDir); err != nil {
			return err
		}
	}
	dir, err := datadir.Path()
	if err != nil {
		return err
	}
	if err := secret.Ensure(dir); err != nil {
		return err
	}
	binary, err := findBinary(o.binary)
	if err != nil {
		return err
	}
	listen := address("SUMMIT_LISTEN", "127.0.0.1:8640")
	status := "http://" + listen + "/api/v1/status"
	if isReady(ctx, status) {
		return fmt.Errorf("summit already runs at http://%s: stop it first, or set SUMMIT_LISTEN and the other addresses to free ones", listen)
	}
	started := time.Now()
	server, err := start(binary, dir, o.role)
	if err != nil {
		return err
	}
	fmt.Fprintf(talk, "summit: starting %s, data in %s, log in %s\n", binary, dir, server.log)
	health := "http://" + address("SUMMIT_HEALTH", "127.0.0.1:13133") + "/"
	if err := waitReady(ctx, server, talk, status, health); err != nil {
		return errors.Join(err, server.stop())
	}
	fmt.Fprintf(talk, "summit: ready after %.1f s\n\n", time.Since(started).Seconds())
	printDoors(talk, listen)

	var demo *child
	if o.demo {
		if demo, err = startDemo(demoArgs, talk); err != nil {
			return errors.Join(err, server.stop())
		}
	}
	return supervise(ctx, server, demo, talk)
}

// supervise waits for the end of the collector or of ctx, and stops what is left, the traffic first.
func supervise(ctx context.Context, server, demo *child, talk io.Writer) error {
	var demoDone <-chan struct{}
	if demo != nil {
		demoDone = demo.done
	}
	for {
		select {
		case <-server.done:
			err := fmt.Errorf("summit ended by itself: %w\n%s", server.err(), server.tail())
			if demo != nil {
				err = errors.Join(err, demo.stop())
			}
			return err
		case <-demoDone:
			demoDone = nil
			if err := demo.err(); err != nil {
				fmt.Fprintf(talk, "demo: %v; summit goes on, Ctrl-C stops it\n", err)
			}
		case <-ctx.Done():
			fmt.Fprintln(talk, "\nsummit: stopping")
			if demo != nil {
				_ = demo.stop() // the traffic ends by the interrupt it was sent
			}
			if err := server.stop(); err != nil {
				return err
			}
			fmt.Fprintln(talk, "summit: stopped, the data stays for the next start")
			return nil
		}
	}
}

func findBinary(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "summit")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("summit")
	if err != nil {
		return "", errors.New("the summit binary is neither beside this program nor on PATH: build it with `make build` or name it with --summit")
	}
	return path, nil
}

func address(env, fallback string) string {
	if a := os.Getenv(env); a != "" {
		return a
	}
	return fallback
}

func printDoors(talk io.Writer, listen string) {
	fmt.Fprintf(talk, "  web app      http://%s/\n", listen)
	fmt.Fprintf(talk, "  REST         http://%s/api/v1/openapi.json\n", listen)
	fmt.Fprintf(talk, "  Prometheus   http://%s/prometheus/api/v1\n", listen)
	fmt.Fprintf(talk, "  OTLP         %s (gRPC), http://%s (HTTP)\n", address("SUMMIT_OTLP_GRPC", "127.0.0.1:4317"), address("SUMMIT_OTLP_HTTP", "127.0.0.1:4318"))
	fmt.Fprintf(talk, "  CI webhooks  http://%s/v1/ci/github, …/v1/ci/events\n\n", address("SUMMIT_DOOR", "127.0.0.1:4320"))
}

// waitReady polls until queryd reports that its store answers and the collector that all its doors are open.
func waitReady(ctx context.Context, server *child, talk io.Writer, urls ...string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for waited := 0; ; waited++ {
		urls = slices.DeleteFunc(urls, func(url string) bool { return isReady(ctx, url) })
		if len(urls) == 0 {
			return nil
		}
		if waited > 0 && waited%25 == 0 {
			fmt.Fprintf(talk, "summit: waiting for the store (%d s)\n", waited/5)
		}
		select {
		case <-server.done:
			return fmt.Errorf("summit ended before it was ready: %w\n%s", server.err(), server.tail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w\n%s", urls[0], ctx.Err(), server.tail())
		case <-tick.C:
		}
	}
}

func isReady(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
