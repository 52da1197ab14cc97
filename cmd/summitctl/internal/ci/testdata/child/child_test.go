// Package child is a test suite that sends one span of its own, as an instrumented one does. It knows its trace by
// TRACEPARENT and Summit's address by OTEL_EXPORTER_OTLP_ENDPOINT alone.
package child

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSendsASpan(t *testing.T) {
	parts := strings.Split(os.Getenv("TRACEPARENT"), "-")
	if len(parts) != 4 {
		t.Fatalf("TRACEPARENT is %q", os.Getenv("TRACEPARENT"))
	}
	end := time.Now().UnixNano()
	body := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"child"}}]},"scopeSpans":[{"spans":[
		{"traceId":%q,"spanId":"00f067aa0ba902b7","parentSpanId":%q,"name":"TestSendsASpan","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}`,
		parts[1], parts[2], end-int64(time.Millisecond), end)
	resp, err := http.Post(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")+"/v1/traces", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}
