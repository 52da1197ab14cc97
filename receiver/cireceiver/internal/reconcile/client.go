package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of one request.
const (
	maxAnswer = 32 << 20
	tries     = 6
	// firstPause doubles with each try that went wrong, up to maxPause.
	firstPause = time.Second
	maxPause   = time.Minute
	// maxWait bounds what a provider may make us wait for its limit.
	maxWait = time.Hour
)

// authorizer gives the header that lets us in.
type authorizer interface {
	authorize(ctx context.Context, h http.Header) error
}

// client asks one provider's REST API. It is used by one goroutine.
type client struct {
	http *http.Client
	base *url.URL
	auth authorizer
	// reserve is how many requests of the provider's limit are left to others.
	reserve int
	// until is when the limit is full again, while it is used up.
	until time.Time
	// wait reports each pause; for counters.
	wait func(reason string, d time.Duration)
}

// status is an answer that is no success.
type status struct {
	code int
	body string
}

func (s *status) Error() string { return fmt.Sprintf("status %d: %s", s.code, s.body) }

// get asks for a path below the base and decodes the answer; next is the address of the following page, if there is one.
func (c *client) get(ctx context.Context, address string, v any) (next string, err error) {
	u, err := c.base.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	if u.Host != c.base.Host || u.Scheme != c.base.Scheme {
		// The token is for this host alone.
		return "", fmt.Errorf("the next page is on another host: %s", u.Host)
	}
	for try := range tries {
		body, header, err := c.once(ctx, u.String())
		if err == nil {
			if err := json.Unmarshal(body, v); err != nil {
				return "", fmt.Errorf("read the answer of %s: %w", u.Path, err)
			}
			return nextPage(header.Values("Link")), nil
		}
		pause, again := c.pause(err, header, try)
		if !again || try == tries-1 {
			return "", fmt.Errorf("ask %s: %w", u.Path, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return "", err
		}
	}
	return "", errors.New("unreachable: the last try returns")
}

func (c *client) once(ctx context.Context, address string) ([]byte, http.Header, error) {
	if d := time.Until(c.until); d > 0 {
		c.wait("rate_limit", d)
		if err := sleep(ctx, min(d, maxWait)); err != nil {
			return nil, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "summit")
	if err := c.auth.authorize(ctx, req.Header); err != nil {
		return nil, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, resp.Header, err
	}
	c.heed(resp.Header)
	if resp.StatusCode != http.StatusOK {
		return nil, resp.Header, &status{resp.StatusCode, strings.TrimSpace(string(body[:min(len(body), 300)]))}
	}
	return body, resp.Header, nil
}

// heed reads what is left of the limit: GitHub and GitLab name the headers alike but for a prefix.
func (c *client) heed(h http.Header) {
	remaining, err := strconv.Atoi(either(h, "X-RateLimit-Remaining", "RateLimit-Remaining"))
	if err != nil || remaining > c.reserve {
		return
	}
	reset, err := strconv.ParseInt(either(h, "X-RateLimit-Reset", "RateLimit-Reset"), 10, 64)
	if err == nil {
		c.until = time.Unix(reset, 0)
	}
}

// pause says whether to try again and after how long: as long as the provider says, or longer each time.
func (c *client) pause(err error, h http.Header, try int) (time.Duration, bool) {
	var s *status
	if errors.As(err, &s) {
		limited := s.code == http.StatusTooManyRequests || s.code == http.StatusForbidden && (h.Get("Retry-After") != "" || time.Until(c.until) > 0)
		if !limited && s.code < 500 {
			return 0, false
		}
		if after, err := strconv.Atoi(h.Get("Retry-After")); err == nil && after >= 0 {
			d := min(time.Duration(after)*time.Second, maxWait)
			c.wait("retry_after", d)
			return d, true
		}
		if limited && time.Until(c.until) > 0 {
			// The next request waits for it.
			return 0, true
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return 0, false
	}
	d := min(firstPause<<try, maxPause)
	d = d/2 + rand.N(d/2+1)
	c.wait("backoff", d)
	return d, true
}

func either(h http.Header, a, b string) string {
	if v := h.Get(a); v != "" {
		return v
	}
	return h.Get(b)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextPage reads a Link header: <address>; rel="next".
func nextPage(links []string) string {
	for _, header := range links {
		for link := range strings.SplitSeq(header, ",") {
			address, rel, ok := strings.Cut(link, ";")
			if ok && strings.Contains(rel, `rel="next"`) {
				return strings.Trim(strings.TrimSpace(address), "<>")
			}
		}
	}
	return ""
}
