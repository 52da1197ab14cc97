// Package client asks queryd over its REST and Prometheus faces on behalf of summitctl's verbs, and turns the answers
// that are no success into errors that say what to do.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 256 << 20

// Client asks one queryd.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of queryd at a URL. SUMMIT_TOKEN, if set, is sent as a bearer token.
func New(base string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), token: os.Getenv("SUMMIT_TOKEN"), http: &http.Client{Timeout: time.Minute}}
}

// Link is the address of a page of the web app.
func (c *Client) Link(path string) string { return c.base + path }

// Problem is an answer in the form of RFC 9457.
type Problem struct {
	Status  int      `json:"status"`
	Title   string   `json:"title"`
	Detail  string   `json:"detail"`
	Field   string   `json:"field"`
	Allowed []string `json:"allowed"`
	Errors  []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// Get asks a path of the REST face, for example "/traces", and gives the JSON answer.
func (c *Client) Get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	raw, _, err := c.get(ctx, "/api/v1"+path, query)
	return raw, err
}

// GetWithHeader is Get with the answer's header, for those who look at the server's clock.
func (c *Client) GetWithHeader(ctx context.Context, path string) (json.RawMessage, http.Header, error) {
	return c.get(ctx, "/api/v1"+path, nil)
}

// PromQL asks a path of the Prometheus face, for example "/query", and gives the data of the answer.
func (c *Client) PromQL(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	raw, _, err := c.get(ctx, "/prometheus/api/v1"+path, query)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return answer.Data, nil
}

func (c *Client) get(ctx context.Context, path string, query url.Values) (json.RawMessage, http.Header, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, nil, exit.With(exit.Usage, fmt.Errorf("address %s: %w", c.base, err))
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer of %s: %w", target, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, resp.Header, refusal(resp.StatusCode, body)
	}
	if !json.Valid(body) {
		return nil, nil, &exit.Error{
			Code: exit.Failed, Err: fmt.Errorf("%s answered something that is no JSON", target),
			Hint: "the address may be that of another server; set SUMMIT_URL or --url to queryd's",
		}
	}
	return body, resp.Header, nil
}

func (c *Client) unreachable(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return &exit.Error{
		Code: exit.Failed, Err: fmt.Errorf("can't reach Summit at %s: %w", c.base, err),
		Hint: "start it with `summitctl up`, or set SUMMIT_URL or --url to where it runs",
	}
}

// refusal makes an error of a problem document, or of Prometheus' form of error.
func refusal(status int, body []byte) error {
	var p Problem
	var prom struct {
		Error string `json:"error"`
	}
	text := http.StatusText(status)
	if json.Unmarshal(body, &p) == nil && (p.Detail != "" || p.Title != "") {
		text = p.describe()
	}
	if json.Unmarshal(body, &prom) == nil && prom.Error != "" {
		text = prom.Error
	}
	code := exit.Failed
	switch status {
	case http.StatusNotFound:
		code = exit.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		code = exit.Denied
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		code = exit.Usage
	}
	return exit.With(code, errors.New(text))
}

func (p *Problem) describe() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	if p.Field != "" && !strings.Contains(s, p.Field) {
		s = p.Field + ": " + s
	}
	for _, e := range p.Errors {
		s += "; " + strings.TrimSpace(e.Location+" "+e.Message)
	}
	if len(p.Allowed) > 0 {
		s += " (allowed: " + strings.Join(p.Allowed, ", ") + ")"
	}
	return s
}
