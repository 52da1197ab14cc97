package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/otlp"
	"github.com/summitobs/summit/internal/fingerprint"
)

const (
	probeService = "summit-doctor"
	probeType    = "SummitDoctorProbe"
	probeMessage = "test event of summitctl doctor, nothing is wrong"
	probeMetric  = "summit.doctor.probe"
)

// mark makes a test event recognisable.
type mark struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	at    time.Time
}

func newMark(at time.Time) mark {
	m := mark{at: at}
	_, _ = rand.Read(m.trace[:]) // never fails
	_, _ = rand.Read(m.span[:])
	return m
}

func (m mark) id() string { return hex.EncodeToString(m.trace[:]) }

// around is a time range that holds the event on both machines' clocks.
func (m mark) around() url.Values {
	return url.Values{"from": {m.at.Add(-10 * time.Minute).UTC().Format(time.RFC3339)}, "to": {m.at.Add(10 * time.Minute).UTC().Format(time.RFC3339)}}
}

// probe is a test event of one signal: how to send it and how to find it again.
type probe struct {
	signal string
	send   func(ctx context.Context, s otlp.Sender, m mark) error
	read   func(ctx context.Context, api *client.Client, m mark) error
}

var traceProbe = probe{
	signal: "trace",
	send: func(ctx context.Context, s otlp.Sender, m mark) error {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", probeService)
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(m.trace)
		sp.SetSpanID(m.span)
		sp.SetName("doctor")
		sp.SetKind(ptrace.SpanKindInternal)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(m.at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(m.at.Add(time.Millisecond)))
		return s.Traces(ctx, td)
	},
	read: func(ctx context.Context, api *client.Client, m mark) error {
		raw, err := api.Get(ctx, "/traces/"+m.id(), m.around())
		if err != nil {
			return err
		}
		var tr struct {
			Spans []struct {
				Service string `json:"service"`
				Name    string `json:"name"`
			} `json:"spans"`
		}
		if err := json.Unmarshal(raw, &tr); err != nil {
			return err
		}
		if len(tr.Spans) != 1 || tr.Spans[0].Service != probeService || tr.Spans[0].Name != "doctor" {
			return fmt.Errorf("the trace came back with other content: %d spans", len(tr.Spans))
		}
		return nil
	},
}

// logProbe is a log record with an exception: it is read back as an occurrence of an error, which is where logs show.
var logProbe = probe{
	signal: "log",
	send: func(ctx context.Context, s otlp.Sender, m mark) error {
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", probeService)
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(m.at))
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.SetTraceID(m.trace)
		lr.SetSpanID(m.span)
		lr.Body().SetStr(probeMessage)
		lr.Attributes().PutStr("exception.type", probeType)
		lr.Attributes().PutStr("exception.message", probeMessage)
		return s.Logs(ctx, ld)
	},
	read: func(ctx context.Context, api *client.Client, m mark) error {
		fp := fingerprint.String(fingerprint.Exception("", probeType, probeMessage, "").FP)
		raw, err := api.Get(ctx, "/errors/"+fp, m.around())
		if err != nil {
			return err
		}
		var group struct {
			Occurrences []struct {
				TraceID string `json:"trace_id"`
			} `json:"occurrences"`
		}
		if err := json.Unmarshal(raw, &group); err != nil {
			return err
		}
		for _, o := range group.Occurrences {
			if o.TraceID == m.id() {
				return nil
			}
		}
		return errNotYet
	},
}

var metricProbe = probe{
	signal: "metric",
	send: func(ctx context.Context, s otlp.Sender, m mark) error {
		md := pmetric.NewMetrics()
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", probeService)
		metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName(probeMetric)
		p := metric.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(m.at))
		p.SetIntValue(int64(m.span[0]))
		p.Attributes().PutStr("probe", m.id())
		return s.Metrics(ctx, md)
	},
	read: func(ctx context.Context, api *client.Client, m mark) error {
		raw, err := api.PromQL(ctx, "/query", url.Values{
			"query": {strings.ReplaceAll(probeMetric, ".", "_") + `{probe="` + m.id() + `"}`}, "time": {strconv.FormatInt(m.at.Add(time.Second).Unix()+1, 10)},
		})
		if err != nil {
			return err
		}
		var answer struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return err
		}
		if len(answer.Result) == 0 {
			return errNotYet
		}
		if got, want := answer.Result[0].Value[1], strconv.Itoa(int(m.span[0])); got != want {
			return fmt.Errorf("the metric came back as %v instead of %s", got, want)
		}
		return nil
	},
}

// buildEvent sends a finished run through the generic door.
func (p *patient) buildEvent(ctx context.Context, readBack bool) finding {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	m := newMark(p.now())
	body, err := json.Marshal(map[string]any{
		"type": "run", "provider": "generic", "host": "local", "repo": "summit/doctor", "run_id": m.id(), "pipeline": "doctor", "name": probeMessage,
		"status": "success", "created_at": m.at.UTC(), "started_at": m.at.UTC(), "finished_at": m.at.UTC().Add(time.Millisecond),
	})
	if err != nil {
		return finding{Fail, err.Error(), ""}
	}
	if err := p.post(ctx, p.places.Door+"/v1/ci/events", body); err != nil {
		return finding{Fail, "the test build event was not taken: " + err.Error(), adviceOnSending(err)}
	}
	return p.waitFor(ctx, "build event", readBack, func(ctx context.Context) error {
		raw, err := p.api.Get(ctx, "/builds/"+url.PathEscape("generic:local:summit/doctor:"+m.id()+":1"), nil)
		if err != nil {
			return err
		}
		var b struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		if b.Status != "success" {
			return fmt.Errorf("the build came back with status %q instead of success", b.Status)
		}
		return nil
	})
}

func (p *patient) post(ctx context.Context, target string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return errors.New(said(resp.Status, answer))
	}
	return nil
}
