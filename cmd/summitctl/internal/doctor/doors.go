package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/otlp"
)

// Bounds of clock skew: beyond the first a time range of minutes may miss new data, beyond the second data looks lost.
const (
	skewWorthAWord = 2 * time.Second
	skewIsAFault   = 30 * time.Second
)

func (p *patient) queryd(ctx context.Context) finding {
	raw, err := p.api.Get(ctx, "/status", nil)
	if err != nil {
		return finding{Fail, err.Error(), hintOr(err, "look into the server's log; it says why it doesn't answer")}
	}
	var st struct {
		Version string `json:"version"`
		Ready   bool   `json:"ready"`
		Store   struct {
			Kind    string `json:"kind"`
			Version string `json:"version"`
			Detail  string `json:"detail"`
		} `json:"store"`
	}
	if err := json.Unmarshal(raw, &st); err != nil || st.Store.Kind == "" {
		return finding{Fail, "something answers, but it is no queryd", "set SUMMIT_URL or --url to queryd's address"}
	}
	if !st.Ready {
		return finding{Fail, fmt.Sprintf("queryd %s answers, its %s store doesn't: %s", st.Version, st.Store.Kind, st.Store.Detail), "look into the log of the process that runs the store"}
	}
	return ok("version %s, %s store %s", st.Version, st.Store.Kind, st.Store.Version)
}

// clock compares with the server's Date header, which has no fractions: half a second is added, half is forgiven.
func (p *patient) clock(ctx context.Context) finding {
	before := p.now()
	_, header, err := p.api.GetWithHeader(ctx, "/status")
	if err != nil {
		return finding{Fail, err.Error(), hintOr(err, "")}
	}
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return finding{Warn, "the server doesn't say what time it is", "a proxy takes the Date header away; compare the clocks by hand"}
	}
	middle := before.Add(p.now().Sub(before) / 2)
	skew := theirs.Add(500 * time.Millisecond).Sub(middle)
	switch amount := skew.Abs(); {
	case amount > skewIsAFault:
		return finding{Fail, fmt.Sprintf("the server's clock is %s off this machine's", skew.Round(time.Second)), "set both clocks, for example with chrony or systemd-timesyncd: events seem to come from another time and fall out of every range"}
	case amount > skewWorthAWord:
		return finding{Warn, fmt.Sprintf("the server's clock is %s off this machine's", skew.Round(time.Second)), "set both clocks: the newest events may be missing from short ranges"}
	}
	return ok("less than %s apart", skewWorthAWord)
}

func (p *patient) health(ctx context.Context) finding {
	return p.simple(ctx, p.places.Health, p.places.Health+"/", "SUMMIT_HEALTH", "a pipeline is down; the collector's log says which")
}

func (p *patient) store(ctx context.Context) finding {
	return p.simple(ctx, p.places.Store, p.places.Store+"/ping", "SUMMIT_STORE", "the engine doesn't answer; look into the log of the process that runs it")
}

// simple asks a URL for a 200. A closed port is no fault: not every role has this listener.
func (p *patient) simple(ctx context.Context, address, target, variable, advice string) finding {
	if !isOpen(ctx, address) {
		return finding{Closed, "nothing listens here", ""}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return finding{Fail, err.Error(), "correct " + variable}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return finding{Fail, err.Error(), advice}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return finding{Fail, err.Error(), advice}
	}
	if resp.StatusCode != http.StatusOK {
		return finding{Fail, said(resp.Status, body), advice}
	}
	return ok("answers")
}

// said is an answer that is no success, with its text if it has one.
func said(status string, body []byte) string {
	return strings.TrimSuffix(status+": "+strings.TrimSpace(string(body)), ": ")
}

// isOpen tells whether something accepts connections at host:port or at a URL's host.
func isOpen(ctx context.Context, address string) bool {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host
	}
	d := net.Dialer{Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// doors are the tests that send something. Without queryd what was sent can't be read back, but whether it is taken can
// be told.
func (p *patient) doors(readBack bool) []test {
	var tests []test
	add := func(name, address string, run func(ctx context.Context) finding) {
		tests = append(tests, test{name, address, func(ctx context.Context) finding {
			if !isOpen(ctx, address) {
				return finding{Closed, "nothing listens here", ""}
			}
			return run(ctx)
		}})
	}
	for _, d := range []struct {
		name, address string
		open          func() (otlp.Sender, error)
	}{
		{"OTLP gRPC", p.places.OTLPGRPC, func() (otlp.Sender, error) { return otlp.NewGRPC(p.places.OTLPGRPC) }},
		{"OTLP HTTP", p.places.OTLPHTTP, func() (otlp.Sender, error) { return otlp.NewHTTP(p.places.OTLPHTTP), nil }},
	} {
		for _, probe := range []probe{traceProbe, logProbe, metricProbe} {
			add(d.name+" "+probe.signal, d.address, func(ctx context.Context) finding { return p.overOTLP(ctx, probe, d.open, readBack) })
		}
	}
	add("door build event", p.places.Door, func(ctx context.Context) finding { return p.buildEvent(ctx, readBack) })
	return tests
}

// overOTLP sends a probe and reads it back.
func (p *patient) overOTLP(ctx context.Context, pr probe, open func() (otlp.Sender, error), readBack bool) finding {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	sender, err := open()
	if err != nil {
		return finding{Fail, err.Error(), "correct the address"}
	}
	defer sender.Close() //nolint:errcheck // nothing is pending on it
	id := newMark(p.now())
	if err := pr.send(ctx, sender, id); err != nil {
		return finding{Fail, "the test " + pr.signal + " was not taken: " + err.Error(), adviceOnSending(err)}
	}
	return p.waitFor(ctx, pr.signal, readBack, func(ctx context.Context) error { return pr.read(ctx, p.api, id) })
}

// errNotYet says that the answer doesn't hold the test event so far.
var errNotYet = errors.New("it isn't there")

// waitFor polls until the test event is there.
func (p *patient) waitFor(ctx context.Context, what string, readBack bool, read func(ctx context.Context) error) finding {
	if !readBack {
		return finding{Warn, "the test " + what + " was taken; without queryd it can't be read back", "make queryd reachable and run this again"}
	}
	started := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := errNotYet
	for {
		err := read(ctx)
		if err == nil {
			return ok("sent, and shown after %.1f s", time.Since(started).Seconds())
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if exit.Code(last) == exit.NotFound {
				last = errNotYet
			}
			return finding{
				Fail, fmt.Sprintf("the test %s was taken but not shown within %s: %v", what, p.timeout, last),
				"the way from the queue to the store is blocked, or queryd asks another store: look for lines of summit_clickhouse in the collector's log",
			}
		case <-tick.C:
		}
	}
}

// The words by which an error of sending tells its cause. A status is a word of its own: addresses hold such digits, too.
var (
	wantsAuth    = regexp.MustCompile(`unauthenticated|\b40[13]\b|permission`)
	isFull       = regexp.MustCompile(`exhausted|\b(429|503)\b`)
	takesNothing = regexp.MustCompile(`unimplemented|\b404\b`)
	isMute       = regexp.MustCompile(`deadline|timeout`)
)

func adviceOnSending(err error) string {
	text := strings.ToLower(err.Error())
	switch {
	case wantsAuth.MatchString(text):
		return "the door wants authentication; send what it is configured for"
	case isFull.MatchString(text):
		return "the queue is full or its disk is: look at the data folder's free space and at lines of summit_clickhouse in the collector's log"
	case takesNothing.MatchString(text):
		return "another program listens here, or no pipeline takes this signal: check the port and the collector's configuration"
	case isMute.MatchString(text):
		return "something accepts connections but doesn't answer: another program may hold the port, or the collector hangs; its log tells"
	}
	return "look into the collector's log"
}

func hintOr(err error, fallback string) string {
	if h := exit.Hint(err); h != "" {
		return h
	}
	return fallback
}
