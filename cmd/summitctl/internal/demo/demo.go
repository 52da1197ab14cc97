// Package demo is the verb that fills a system with the made-up shop of internal/faker: a correlated history first,
// live traffic after it. Everything goes over the wire through the doors that real senders use; nothing is written to
// the store from here.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/otlp"
	"github.com/summitobs/summit/cmd/summitctl/internal/secret"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/datadir"
	"github.com/summitobs/summit/internal/faker"
)

// Bounds of waiting for the server.
const (
	readyTimeout = 60 * time.Second
	shownTimeout = 60 * time.Second
	pollEvery    = 100 * time.Millisecond
)

type options struct {
	seed     uint64
	history  time.Duration
	traces   int
	rate     float64
	once     bool
	again    bool
	duration time.Duration
}

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	o := options{seed: 1, history: 24 * time.Hour, traces: 12000, rate: 4}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Send a made-up shop's history and live traffic through the real doors",
		Long: `Sends the builds, deployments, traces, logs, metrics and errors of a made-up shop: a release that got slow, a flaky test,
and a commit that throws in production. The history is sent once; where it is there already, only live traffic follows.
Ctrl-C ends it, the data stays.`,
		Example: "  summitctl demo\n  summitctl demo --once --history 6h --seed 7",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return exit.With(exit.Usage, err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return run(ctx, o, s.Places(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&o.seed, "seed", o.seed, "which shop to make up")
	f.DurationVar(&o.history, "history", o.history, "how far the history reaches back, at least 2h")
	f.IntVar(&o.traces, "traces", o.traces, "number of traces of the history")
	f.Float64Var(&o.rate, "rate", o.rate, "live traces per second")
	f.BoolVar(&o.once, "once", false, "end after the history")
	f.BoolVar(&o.again, "again", false, "send the history even where it is there already")
	f.DurationVar(&o.duration, "duration", 0, "end the live traffic after this time (default never)")
	return cmd
}

func (o options) validate() error {
	switch {
	case o.history < 2*time.Hour || o.history > 30*24*time.Hour:
		return fmt.Errorf("--history must be 2h to 720h, got %s", o.history)
	case o.traces < 1 || o.traces > 1_000_000:
		return fmt.Errorf("--traces must be 1 to 1000000, got %d", o.traces)
	case o.rate < 0 || o.rate > 1000:
		return fmt.Errorf("--rate must be 0 to 1000, got %g", o.rate)
	case o.duration < 0:
		return fmt.Errorf("--duration must not be negative, got %s", o.duration)
	}
	return nil
}

// session is one run of the verb.
type session struct {
	options
	places client.Places
	api    *client.Client
	door   *door
	grpc   otlp.Sender
	http   otlp.Sender
	world  *faker.World
	gen    *faker.Generator
	out    io.Writer
	talk   *progress
}

func run(ctx context.Context, o options, places client.Places, out, talk io.Writer) error {
	world, err := faker.New(faker.Settings{Seed: o.seed, Base: time.Now(), History: o.history, Traces: o.traces})
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	dir, err := datadir.Path()
	if err != nil {
		return err
	}
	key, err := secret.Find(dir)
	if err != nil {
		return err
	}
	grpc, err := otlp.NewGRPC(places.OTLPGRPC)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	s := &session{
		options: o, places: places, api: client.New(places.URL), door: newDoor(places.Door, key), grpc: grpc, http: otlp.NewHTTP(places.OTLPHTTP),
		world: world, gen: world.Generator(), out: out, talk: newProgress(talk),
	}
	err = s.play(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // asked to end
	}
	return errors.Join(err, s.grpc.Close(), s.http.Close(), s.door.close())
}

func (s *session) play(ctx context.Context) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	there, err := s.historyIsThere(ctx)
	if err != nil {
		return err
	}
	if there && !s.again {
		s.talk.say("demo: the history of this shop is there already (--again sends it once more)")
		s.gen.SkipTo(s.world.Base())
	} else if err := s.sendHistory(ctx); err != nil {
		return err
	}
	if err := s.printLinks(ctx); err != nil {
		return err
	}
	if s.once {
		return nil
	}
	return s.live(ctx)
}

// waitReady gives a server that is just starting its time: queryd answers a moment before the receivers do.
func (s *session) waitReady(ctx context.Context) error {
	return s.poll(ctx, readyTimeout, "the server to be ready", func(ctx context.Context) (bool, error) {
		if _, err := s.api.Get(ctx, "/status", nil); err != nil {
			return false, err
		}
		for _, route := range []string{s.places.Door + faker.PathEvents, s.places.Door + faker.PathGitHub, s.places.OTLPHTTP + "/v1/logs"} {
			if err := s.door.hasRoute(ctx, route); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

func (s *session) historyIsThere(ctx context.Context) (bool, error) {
	_, err := s.api.Get(ctx, "/builds/"+escape(s.world.Story().BadRunID), nil)
	if exit.Code(err) == exit.NotFound {
		return false, nil
	}
	return err == nil, err
}

// poll asks until the answer is yes. What went wrong last is told when patience ends.
func (s *session) poll(ctx context.Context, limit time.Duration, what string, ask func(context.Context) (bool, error)) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := ask(waiting)
		if ok {
			return nil
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				err = errors.New("the answers so far didn't hold it")
			}
			return &exit.Error{
				Code: exit.Failed, Err: fmt.Errorf("waited %s for %s: %w", limit, what, err), Hint: "`summitctl doctor` finds out what is wrong",
			}
		case <-tick.C:
		}
	}
}
