package queryd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/tenant"
)

// flags of the daemon.
type flags struct {
	cfg       Config
	store     string
	user      string
	storeWait time.Duration
	version   bool
}

func parseFlags(version string, args []string, stderr io.Writer) (flags, error) {
	f := flags{cfg: DefaultConfig()}
	f.cfg.Version = version
	set := flag.NewFlagSet("queryd", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.store, "store", "http://127.0.0.1:8641", "ClickHouse HTTP `endpoint` to read from; its password is taken from SUMMIT_STORE_PASSWORD")
	set.StringVar(&f.user, "store-user", "", "user of the store")
	set.DurationVar(&f.storeWait, "store-wait", 30*time.Second, "how long to wait for the store at start")
	set.StringVar(&f.cfg.Listen, "listen", f.cfg.Listen, "`address` to serve on; one outside of loopback needs -token-file")
	set.StringVar(&f.cfg.TokenFile, "token-file", "", "`file` with the token that requests must bring")
	set.DurationVar(&f.cfg.Limits.Timeout, "query-timeout", f.cfg.Limits.Timeout, "longest time of one query")
	set.Int64Var(&f.cfg.Limits.MemoryBytes, "query-memory-bytes", f.cfg.Limits.MemoryBytes, "most memory of one query in the store")
	set.BoolVar(&f.version, "version", false, "print the version and end")
	set.Func("tenant", "UUID of the `tenant` to show, or default", func(s string) (err error) {
		f.cfg.Tenant, err = tenant.Parse(s)
		return err
	})
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unknown argument %q; all settings are flags, see queryd -help", set.Arg(0))
	}
	return f, nil
}

// shutdownTime is how long running queries may take to end.
const shutdownTime = 10 * time.Second

// Run is the daemon of a version: it serves until the context ends.
func Run(ctx context.Context, version string, args []string, stdout, stderr io.Writer) (err error) {
	f, err := parseFlags(version, args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.version {
		_, err := fmt.Fprintln(stdout, "queryd", f.cfg.Version)
		return err
	}
	if err := f.cfg.Validate(); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	store, err := dial(ctx, f, logger)
	if err != nil && ctx.Err() != nil {
		return nil // told to end while it waited
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := New(f.cfg, Deps{Store: store, Logger: logger})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return errors.Join(err, s.Shutdown(context.WithoutCancel(ctx)))
	}
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return s.Shutdown(end)
}

// dial connects to the store, which may be starting too.
func dial(ctx context.Context, f flags, logger *slog.Logger) (*clickhouse.Remote, error) {
	settings := clickhouse.DialSettings{User: f.user, Password: os.Getenv("SUMMIT_STORE_PASSWORD")}
	deadline := time.Now().Add(f.storeWait)
	for told := false; ; told = true {
		store, err := clickhouse.Dial(ctx, f.store, settings)
		if err == nil {
			return store, nil
		}
		if clickhouse.IsAuth(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return nil, fmt.Errorf("connect to the store at %s: %w", f.store, err)
		}
		if !told {
			logger.Info("waiting for the store", "endpoint", f.store, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}
