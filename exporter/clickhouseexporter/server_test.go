package clickhouseexporter

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// TestServerThatIsAwayAtTheStart writes over HTTP to the engine's front, which is not there at first.
func TestServerThatIsAwayAtTheStart(t *testing.T) {
	front := enginetest.Engine(t).Handler()
	var up atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !up.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		front.ServeHTTP(w, req)
	}))
	defer server.Close()
	r := newRig(t, plainCodec, func(c *Config) {
		c.Store = nil
		c.Endpoint = strings.TrimPrefix(server.URL, "http://")
	}).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 5)))
	require.Eventually(t, func() bool { return slices.Contains(r.host.statuses(), componentstatus.StatusRecoverableError) },
		30*time.Second, time.Millisecond)
	up.Store(true)
	r.eventually(countSpans, 5)
	r.stop(t.Context())
	require.Equal(t, 5, r.count(countIndex))
}
