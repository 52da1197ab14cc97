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

	"go.opentelemetry.io/collector/confmap"

	"github.com/summitobs/summit/distributions"
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

// System is a collector to start in a role.
type System struct {
	// Role and its Overlays, each without the role's name: store-apart.
	Role     string
	Overlays []string
	// Set is more configuration, each in the form key::key: value.
	Set []string
	// Dir gets the log and, where Data names no other folder, what the role keeps, in data/.
	Dir, Data string
	Places    Places
	// Env is more of the environment.
	Env []string
	// Prepare is called with the process before it has run anything; see Spec.
	Prepare func(pid int) error
}

// Extensions is the configuration, for System.Set, of a role's extensions and some more: a list in a later configuration
// replaces the one before.
func Extensions(role string, more ...string) (string, error) {
	yaml, err := distributions.Config(role)
	if err != nil {
		return "", err
	}
	retrieved, err := confmap.NewRetrievedFromYAML(yaml)
	if err != nil {
		return "", err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return "", err
	}
	list, ok := conf.Get("service::extensions").([]any)
	if !ok {
		return "", fmt.Errorf("role %s: service::extensions is %T", role, conf.Get("service::extensions"))
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = fmt.Sprint(e)
	}
	return "service::extensions: [" + strings.Join(append(names, more...), ", ") + "]", nil
}

// DataDir is the folder of what the role keeps.
func (s System) DataDir() string {
	if s.Data != "" {
		return s.Data
	}
	return filepath.Join(s.Dir, "data")
}

// Start starts the collector.
func (s System) Start() (*Process, error) {
	data := s.DataDir()
	for _, dir := range []string{s.Dir, data} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, err
		}
	}
	args := []string{"--config=role:" + s.Role}
	for _, o := range s.Overlays {
		args = append(args, "--config=role:"+s.Role+"/"+o)
	}
	for _, c := range s.Set {
		args = append(args, "--config=yaml:"+c)
	}
	env := append(s.Places.Env(), "SUMMIT_DATA_DIR="+data, "SUMMIT_GITHUB_SECRET="+Secret)
	return Start(Spec{
		Binary: "summit", Args: args, Env: append(env, s.Env...), Log: filepath.Join(s.Dir, s.Role+".log"), Prepare: s.Prepare,
	})
}

// Standalone starts the collector in the standalone role with its data below dir. extra is more of the environment.
func Standalone(dir string, places Places, extra ...string) (*Process, error) {
	return Role("standalone", dir, places, extra...)
}

// Role starts the collector in a role.
func Role(role, dir string, places Places, extra ...string) (*Process, error) {
	return System{Role: role, Dir: dir, Places: places, Env: extra}.Start()
}

// StoreApart starts the collector in a role whose store is in another process, at places.Store.
func StoreApart(role, dir string, places Places, extra ...string) (*Process, error) {
	return System{Role: role, Overlays: []string{"store-apart"}, Dir: dir, Places: places, Env: extra}.Start()
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
