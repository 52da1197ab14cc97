package chhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// readTimed serves one request whose body is read with a limit, and gives what then calls and the read's outcome.
func readTimed(t *testing.T, body io.Reader, limit time.Duration, then func(*http.Request)) (string, error) {
	t.Helper()
	type outcome struct {
		text []byte
		err  error
	}
	read := make(chan outcome, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timed := &timedBody{r: r.Body, conn: http.NewResponseController(w), limit: limit}
		text, err := io.ReadAll(timed)
		timed.release()
		then(r)
		read <- outcome{text, err}
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	require.NoError(t, err)
	res, err := server.Client().Do(req)
	if err == nil {
		require.NoError(t, res.Body.Close())
	}
	got := <-read
	return string(got.text), got.err
}

func TestBodyThatStopsComingEndsTheRead(t *testing.T) {
	body, client := io.Pipe()
	defer client.Close()
	go func() { _, _ = client.Write([]byte("half")) }()
	text, err := readTimed(t, body, 50*time.Millisecond, func(*http.Request) { _ = client.Close() })
	require.Equal(t, "half", text)
	var e *chdb.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 209, e.Code)
	require.ErrorContains(t, err, "sent nothing of the INSERT's data for 50ms")
}

func TestDeadlineOfABodyDoesNotEndTheCommit(t *testing.T) {
	const limit = 30 * time.Millisecond
	body, client := io.Pipe() // chunked, so that the server goes on to watch the connection
	go func() {
		_, _ = client.Write([]byte("whole"))
		_ = client.Close()
	}()
	var ended error
	text, err := readTimed(t, body, limit, func(r *http.Request) {
		select {
		case <-r.Context().Done():
			ended = errors.New("the request was ended")
		case <-time.After(5 * limit):
		}
	})
	require.NoError(t, err)
	require.Equal(t, "whole", text)
	require.NoError(t, ended)
}
