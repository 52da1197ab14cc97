package chhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/clickhouse/chhttp"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(mainFunc(func() int { return enginetest.Main(m) }))
}

type mainFunc func() int

func (f mainFunc) Run() int { return f() }

// way is one way that a client may come.
type way struct {
	name        string
	tcp         bool
	compression *chgo.Compression
	settings    chgo.Settings
}

var ways = []way{
	{name: "in-process"},
	{name: "in-process lz4", compression: &chgo.Compression{Method: chgo.CompressionLZ4}},
	{name: "tcp", tcp: true},
	{name: "tcp lz4", tcp: true, compression: &chgo.Compression{Method: chgo.CompressionLZ4}},
	{name: "tcp zstd", tcp: true, compression: &chgo.Compression{Method: chgo.CompressionZSTD}},
	{name: "tcp gzip", tcp: true, compression: &chgo.Compression{Method: chgo.CompressionGZIP, Level: 1}, settings: chgo.Settings{"enable_http_compression": 1}},
	{name: "tcp deflate", tcp: true, compression: &chgo.Compression{Method: chgo.CompressionDeflate, Level: 1}, settings: chgo.Settings{"enable_http_compression": 1}},
}

// dial opens a clickhouse-go connection as it comes, with no option that only our front would need.
func dial(t *testing.T, w way) driver.Conn {
	t.Helper()
	handler := enginetest.Engine(t).Handler()
	options := &chgo.Options{
		Protocol: chgo.HTTP, Addr: []string{"in-process:1"}, Auth: chgo.Auth{Database: "summit"},
		Compression: w.compression, Settings: w.settings, MaxOpenConns: 4,
	}
	var transport *http.Transport
	if w.tcp {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		options.Addr = []string{strings.TrimPrefix(server.URL, "http://")}
		options.TransportFunc = func(tr *http.Transport) (http.RoundTripper, error) { transport = tr; return tr, nil }
	} else {
		options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return &chhttp.Transport{Handler: handler}, nil }
	}
	conn, err := chgo.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		if transport != nil {
			transport.CloseIdleConnections()
		}
	})
	return conn
}

func eachWay(t *testing.T, test func(t *testing.T, conn driver.Conn)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { test(t, dial(t, w)) })
	}
}

// processes counts running statements that contain a word.
func processes(t *testing.T, conn driver.Conn, word string) uint64 {
	t.Helper()
	var n uint64
	err := conn.QueryRow(context.Background(), "SELECT count() FROM system.processes WHERE position(query, {word:String}) > 0 AND position(query, 'system.processes') = 0",
		chgo.Named("word", word)).Scan(&n)
	require.NoError(t, err)
	return n
}

func eventuallyNothingRuns(t *testing.T, conn driver.Conn, word string) {
	t.Helper()
	require.Eventually(t, func() bool { return processes(t, conn, word) == 0 }, 20*time.Second, 5*time.Millisecond)
}
