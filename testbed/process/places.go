package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Places are the addresses of one system, all on loopback.
type Places struct {
	OTLPGRPC, OTLPHTTP, Door, Listen, Store, Health, Metrics string
}

// NewPlaces finds free ports.
func NewPlaces(ctx context.Context) (Places, error) {
	var p Places
	var open []net.Listener
	var all error
	for _, a := range []*string{&p.OTLPGRPC, &p.OTLPHTTP, &p.Door, &p.Listen, &p.Store, &p.Health, &p.Metrics} {
		// All stay open until all are found, or one port would be given twice.
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			all = errors.Join(all, err)
			break
		}
		open = append(open, l)
		*a = l.Addr().String()
	}
	for _, l := range open {
		all = errors.Join(all, l.Close())
	}
	return p, all
}

// Env is the environment that moves a role's listeners to the places.
func (p Places) Env() []string {
	host, port, _ := strings.Cut(p.Metrics, ":")
	return []string{
		"SUMMIT_OTLP_GRPC=" + p.OTLPGRPC, "SUMMIT_OTLP_HTTP=" + p.OTLPHTTP, "SUMMIT_DOOR=" + p.Door, "SUMMIT_LISTEN=" + p.Listen,
		"SUMMIT_STORE=" + p.Store, "SUMMIT_HEALTH=" + p.Health, "SUMMIT_METRICS_HOST=" + host, "SUMMIT_METRICS_PORT=" + port,
	}
}

// Secret is the GitHub webhook's secret of every system that this package starts.
const Secret = "testbed-secret"

// Standalone starts the collector in the standalone role with its data below dir. extra is more of the environment.
func Standalone(dir string, places Places, extra ...string) (*Process, error) {
	return Role("standalone", dir, places, extra...)
}

// Role starts the collector in a role.
func Role(role, dir string, places Places, extra ...string) (*Process, error) {
	return startRole([]string{role}, dir, places, extra)
}

// StoreApart starts the collector in a role whose store is in another process, at places.Store.
func StoreApart(role, dir string, places Places, extra ...string) (*Process, error) {
	return startRole([]string{role, role + "/store-apart"}, dir, places, extra)
}

// startRole starts the collector with a role's configuration and its overlays.
func startRole(layers []string, dir string, places Places, extra []string) (*Process, error) {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, err
	}
	var args []string
	for _, layer := range layers {
		args = append(args, "--config=role:"+layer)
	}
	env := append(places.Env(), "SUMMIT_DATA_DIR="+data, "SUMMIT_GITHUB_SECRET="+Secret)
	return Start(Spec{
		Binary: "summit", Args: args, Env: append(env, extra...), Log: filepath.Join(dir, layers[0]+".log"),
	})
}

// Queryd starts the daemon over a store in another process.
func Queryd(dir string, places Places) (*Process, error) {
	return Start(Spec{
		Binary: "queryd", Args: []string{"--listen=" + places.Listen, "--store=http://" + places.Store}, Log: filepath.Join(dir, "queryd.log"),
	})
}

// readyLimit is how long a start may take in tests, on a machine that does other things too.
const readyLimit = 90 * time.Second

// WaitReady waits until all of a collector runs, which its health check tells, and until queryd in it says that its
// store answers.
func (p *Process) WaitReady(ctx context.Context, places Places) error {
	if err := p.WaitHealthy(ctx, places); err != nil {
		return err
	}
	return p.WaitQueryd(ctx, places)
}

// WaitHealthy waits until all pipelines of a collector run.
func (p *Process) WaitHealthy(ctx context.Context, places Places) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return p.WaitFor(ctx, "the collector to be healthy", func(ctx context.Context) (bool, error) {
		status, err := GetJSON(ctx, "http://"+places.Health+"/", nil)
		return status == http.StatusOK, errors.Join(err, fmt.Errorf("status %d", status))
	})
}

// WaitQueryd waits until queryd says that its store answers.
func (p *Process) WaitQueryd(ctx context.Context, places Places) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return p.WaitFor(ctx, "queryd to be ready", func(ctx context.Context) (bool, error) {
		var st struct {
			Ready bool `json:"ready"`
		}
		status, err := GetJSON(ctx, "http://"+places.Listen+"/api/v1/status", &st)
		if err != nil || status != http.StatusOK || !st.Ready {
			return false, errors.Join(err, fmt.Errorf("status %d, ready %v", status, st.Ready))
		}
		return true, nil
	})
}
