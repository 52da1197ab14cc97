// Package testreportreceiver takes reports of test runners over HTTP. It checks the sender, reads the report as a stream
// in bounded memory, and makes a build event of each suite and each case. It answers with success only when the pipeline
// has taken them; the same report sent again gives the same rows.
package testreportreceiver

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/internal/testreport"
)

const scope = "github.com/summitobs/summit/receiver/testreportreceiver"

// router is what the receiver needs of the door.
type router interface {
	Handle(pattern string, h http.Handler) error
}

type reportReceiver struct {
	cfg    *Config
	set    receiver.Settings
	tenant tenant.ID
	next   consumer.Logs

	obs     *receiverhelper.ObsReport
	reports metric.Int64Counter
	cases   metric.Int64Counter
	drops   *telemetry.Drops

	owners      *testreport.Owners
	tokens      [][]byte
	tokensUnset []string
	// places holds a token for each report that is being read.
	places chan struct{}

	// mu guards closed; inflight counts the requests that Shutdown waits for.
	mu       sync.RWMutex
	closed   bool
	inflight sync.WaitGroup
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*reportReceiver, error) {
	id, err := tenant.Parse(cfg.Tenant)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "http", ReceiverCreateSettings: set})
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's metrics: %w", err)
	}
	meter := set.MeterProvider.Meter(scope)
	reports, err := meter.Int64Counter("summit_test_reports_total", metric.WithUnit("{report}"),
		metric.WithDescription("Reports by format and outcome (stored, refused, retry), with the reason of a refusal."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of reports: %w", err)
	}
	cases, err := meter.Int64Counter("summit_test_cases_total", metric.WithUnit("{case}"),
		metric.WithDescription("Test cases of stored reports by format."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of cases: %w", err)
	}
	drops, err := telemetry.NewDrops(set.TelemetrySettings, scope, set.ID)
	if err != nil {
		return nil, err
	}
	return &reportReceiver{
		cfg: cfg, set: set, tenant: id, next: next, obs: obs, reports: reports, cases: cases, drops: drops, places: make(chan struct{}, cfg.MaxConcurrent),
	}, nil
}

// Start reads tokens and owners and registers the route.
func (r *reportReceiver) Start(_ context.Context, host component.Host) error {
	door, ok := host.GetExtensions()[r.cfg.Door]
	if !ok {
		return fmt.Errorf("door: there is no extension %q; add it to service::extensions", r.cfg.Door)
	}
	routes, ok := door.(router)
	if !ok {
		return fmt.Errorf("door: extension %q takes no routes; want one like summit_door", r.cfg.Door)
	}
	if err := r.loadTokens(); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	if r.cfg.CodeOwners != "" {
		f, err := os.Open(r.cfg.CodeOwners)
		if err != nil {
			return fmt.Errorf("codeowners: %w", err)
		}
		defer f.Close()
		if r.owners, err = testreport.ParseOwners(f); err != nil {
			return fmt.Errorf("codeowners: %w", err)
		}
	}
	return routes.Handle("POST /v1/tests", http.HandlerFunc(r.serve))
}

// loadTokens reads the secrets. One that is there and empty is an error; a variable that isn't set is left out and named.
func (r *reportReceiver) loadTokens() error {
	for _, c := range r.cfg.Tokens {
		var secret, where string
		switch {
		case c.SecretFile != "":
			raw, err := os.ReadFile(c.SecretFile)
			if err != nil {
				return fmt.Errorf("secret_file: %w", err)
			}
			secret, where = string(raw), "secret_file "+c.SecretFile
		case c.SecretEnv != "":
			v, ok := os.LookupEnv(c.SecretEnv)
			if !ok {
				r.tokensUnset = append(r.tokensUnset, c.SecretEnv)
				continue
			}
			secret, where = v, "secret_env "+c.SecretEnv
		case c.Secret != nil:
			secret, where = string(*c.Secret), "secret"
		}
		if secret = strings.TrimSpace(secret); secret == "" {
			return fmt.Errorf("the secret in %s is empty, which would let anybody in", where)
		}
		r.tokens = append(r.tokens, []byte(secret))
	}
	if len(r.tokensUnset) > 0 {
		r.set.Logger.Warn("test reports: tokens are not set", zap.Strings("variables", r.tokensUnset))
	}
	return nil
}

// check lets in who has a token; where there are no tokens, programs of this machine.
func (r *reportReceiver) check(req *http.Request) *problem {
	switch {
	case len(r.tokens) > 0:
		sent, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		fits := 0
		for _, t := range r.tokens {
			fits |= subtle.ConstantTimeCompare(t, []byte(strings.TrimSpace(sent)))
		}
		if !ok || fits == 0 {
			return newProblem(http.StatusUnauthorized, "token", "the header Authorization carries no token of this route")
		}
	case len(r.tokensUnset) > 0:
		return newProblem(http.StatusServiceUnavailable, "no_token",
			"this route is closed until a token is set: "+strings.Join(r.tokensUnset, ", ")+" is not set")
	default:
		if err := checkLocal(req); err != nil {
			return newProblem(http.StatusUnauthorized, "token", err.Error())
		}
	}
	return nil
}

// checkLocal lets in programs of this machine. A web page makes a browser of this machine send, and a proxy passes on what
// comes from anywhere: both come from loopback too and are told by their headers.
func checkLocal(req *http.Request) error {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errors.New("without tokens only senders on this machine are served")
	}
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For"} {
		if req.Header.Get(name) != "" {
			return errors.New("without tokens neither web pages nor senders behind a proxy are served (header " + name + ")")
		}
	}
	return nil
}

// Shutdown refuses what comes now and waits for the requests under way.
func (r *reportReceiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.inflight.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for test reports under way: %w", ctx.Err())
	}
}

// enter admits a request; leave must be called when it returns true.
func (r *reportReceiver) enter() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return false
	}
	r.inflight.Add(1)
	return true
}
