// Package doctor is the verb that examines a running system from outside: it looks which doors are open, sends a test
// event through each, reads it back from where people read, and says in words what is wrong and what to do.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// State is the result of one check.
type State string

// The states. A closed door is a fault only where nothing works without it: roles differ in what they open.
const (
	OK     State = "ok"
	Warn   State = "warn"
	Fail   State = "fail"
	Closed State = "closed"
)

// Check is one finding.
type Check struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	State   State  `json:"state"`
	// Detail says what was seen, Advice what to do about it.
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
	TookNS int64  `json:"took_ns"`
}

// report is the whole result.
type report struct {
	Healthy bool    `json:"healthy"`
	Items   []Check `json:"items"`
}

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	timeout := 15 * time.Second
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Send a test event through every open door, read it back and say what is wrong",
		Long: `Looks which doors are open, sends a test trace, log, metric and build through each, and reads them back through the
API. The test events are of the service "summit-doctor". Ends with code 0 when everything that is open works.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return exit.With(exit.Usage, fmt.Errorf("--timeout must be more than 0, got %s", timeout))
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			places := s.Places()
			p := &patient{places: places, api: client.New(places.URL), timeout: timeout, now: time.Now}
			rep := p.examine(ctx)
			raw, err := json.Marshal(rep)
			if err != nil {
				return err
			}
			if err := output.Write(cmd.OutOrStdout(), s.Format(), raw, func(json.RawMessage) ([]output.Grid, error) { return []output.Grid{grid(rep)}, nil }); err != nil {
				return err
			}
			talk := cmd.ErrOrStderr()
			for _, c := range rep.Items {
				if c.Advice != "" {
					fmt.Fprintf(talk, "\n%s: %s\n  → %s\n", c.Name, c.Detail, c.Advice)
				}
			}
			if !rep.Healthy {
				return exit.With(exit.Failed, errors.New("something is wrong"))
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for a test event to be shown")
	return cmd
}

func grid(rep report) output.Grid {
	g := output.Grid{Header: []string{"CHECK", "STATE", "ADDRESS", "TOOK", "DETAIL"}}
	for _, c := range rep.Items {
		g.Add(c.Name, string(c.State), c.Address, output.Duration(c.TookNS), output.Cut(c.Detail, 110))
	}
	return g
}

// patient is the system under examination.
type patient struct {
	places  client.Places
	api     *client.Client
	timeout time.Duration
	now     func() time.Time
}

// test is one check before it ran.
type test struct {
	name, address string
	run           func(ctx context.Context) finding
}

// finding is what a test found.
type finding struct {
	state          State
	detail, advice string
}

func ok(format string, args ...any) finding { return finding{OK, fmt.Sprintf(format, args...), ""} }

func (p *patient) examine(ctx context.Context) report {
	rep := report{Healthy: true}
	add := func(t test) State {
		started := time.Now()
		f := t.run(ctx)
		rep.Items = append(rep.Items, Check{t.name, t.address, f.state, f.detail, f.advice, time.Since(started).Nanoseconds()})
		if f.state == Fail {
			rep.Healthy = false
		}
		return f.state
	}
	asked := add(test{"queryd", p.places.URL, p.queryd}) == OK
	if asked {
		add(test{"clock", p.places.URL, p.clock})
	}
	add(test{"health", p.places.Health, p.health})
	add(test{"store", p.places.Store, p.store})
	open := 0
	for _, t := range p.doors(asked) {
		if add(t) != Closed {
			open++
		}
	}
	if open == 0 {
		rep.Healthy = false
		rep.Items = append(rep.Items, Check{
			Name: "doors", State: Fail, Detail: "no door for telemetry or builds is open on this machine",
			Advice: "start Summit with `summitctl up`; if it runs elsewhere or on other ports, set SUMMIT_OTLP_GRPC, SUMMIT_OTLP_HTTP and SUMMIT_DOOR",
		})
	}
	return rep
}
