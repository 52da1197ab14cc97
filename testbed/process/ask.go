package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

var client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// GetJSON asks a URL and reads the JSON of an answer of success into v, which may be nil.
func GetJSON(ctx context.Context, url string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	status, body, err := do(req)
	if err != nil || v == nil || status > 299 {
		return status, err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return status, fmt.Errorf("read the answer of %s (%d): %w: %.300s", url, status, err, body)
	}
	return status, nil
}

// Post sends a body and gives the answer.
func Post(ctx context.Context, url string, header http.Header, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if header != nil {
		req.Header = header
	}
	return do(req)
}

func do(req *http.Request) (int, []byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// SQL asks the store over the ClickHouse HTTP interface and gives the rows of the answer, cells parted by tabs. It is
// for what no face shows: parts, merges, and what the tables hold row by row.
func SQL(ctx context.Context, places Places, query string) ([][]string, error) {
	return SQLIn(ctx, places, "summit", query)
}

// SQLIn is SQL in another database of the store.
func SQLIn(ctx context.Context, places Places, database, query string) ([][]string, error) {
	status, answer, err := Post(ctx, "http://"+places.Store+"/?database="+url.QueryEscape(database), nil, []byte(query+" FORMAT TSV"))
	if err != nil {
		return nil, fmt.Errorf("ask the store: %w", err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("ask the store: status %d: %s", status, bytes.TrimSpace(answer))
	}
	var rows [][]string
	for line := range strings.Lines(string(answer)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows, nil
}

// CloseIdle drops the connections that the package keeps, so that a test can look for leaks.
func CloseIdle() { client.CloseIdleConnections() }

// Run runs a program of bin/ to its end and gives its standard output. env is added to a bare environment.
func Run(ctx context.Context, binary string, env []string, args ...string) (string, error) {
	path, err := Binary(binary)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("run %s %s: %w\n%s", binary, strings.Join(args, " "), err, talk.Bytes())
	}
	return string(out), nil
}
