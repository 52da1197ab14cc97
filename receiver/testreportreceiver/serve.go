package testreportreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/testreport"
)

// result is the answer to a report that was stored.
type result struct {
	Status    string `json:"status"`
	Format    string `json:"format"`
	Framework string `json:"framework"`
	testreport.Tally
	Suites int `json:"suites"`
	// Cut counts texts that were shortened, Lost what could not be read or kept, LeftOut reports that said less than others.
	Cut     int            `json:"cut"`
	Lost    map[string]int `json:"lost"`
	LeftOut int            `json:"left_out"`
}

func (r *reportReceiver) serve(w http.ResponseWriter, req *http.Request) {
	if !r.enter() {
		newProblem(http.StatusServiceUnavailable, "shutdown", "the receiver is shutting down").write(w)
		return
	}
	defer r.inflight.Done()
	res, p := r.take(req)
	if p != nil {
		outcome := "refused"
		if p.Status == http.StatusServiceUnavailable {
			outcome = "retry"
		}
		r.count(req.Context(), "unknown", outcome, p.reason)
		p.write(w)
		return
	}
	r.count(req.Context(), res.Format, "stored", "")
	r.cases.Add(req.Context(), int64(res.Total), metric.WithAttributes(attribute.String("format", res.Format)))
	w.Header().Set("Content-Type", "application/json")
	// The client is gone when this fails; it will send again, which changes nothing.
	_ = json.NewEncoder(w).Encode(res)
}

func (r *reportReceiver) count(ctx context.Context, format, outcome, reason string) {
	attrs := []attribute.KeyValue{attribute.String("format", format), attribute.String("outcome", outcome)}
	if reason != "" {
		attrs = append(attrs, attribute.String("reason", reason))
	}
	r.reports.Add(ctx, 1, metric.WithAttributes(attrs...))
}

func (r *reportReceiver) take(req *http.Request) (*result, *problem) {
	if p := r.check(req); p != nil {
		return nil, p
	}
	q := read(req)
	place, format := q.place(time.Now().UTC()), q.format()
	if q.problem != nil {
		return nil, q.problem
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default:
		return nil, newProblem(http.StatusServiceUnavailable, "busy", "enough reports are being read; send again in a moment")
	}
	up, p := r.read(req, format)
	if p != nil {
		return nil, p
	}
	kept, left := testreport.Prefer(up.reports)
	report := testreport.Merge(kept)
	owners := up.owners
	if owners == nil {
		owners = r.owners
	}
	owners.Name(report, place.Root, q.values["module"])
	events := report.Events(place)
	if err := r.store(req.Context(), events); err != nil {
		return nil, notStored(err)
	}
	for reason, n := range report.Lost {
		r.drops.Add(req.Context(), n, "test_report_"+reason, telemetry.Builds)
	}
	tally := report.Tally()
	return &result{
		Status: "stored", Format: string(report.Format), Framework: report.Framework, Tally: tally, Suites: len(events) - tally.Total, Cut: report.Cut,
		Lost: report.Lost, LeftOut: left,
	}, nil
}

// upload is what a request brings.
type upload struct {
	reports []*testreport.Report
	owners  *testreport.Owners
}

const (
	// maxParts is the number of files of one request, maxOwners the size of a CODEOWNERS file that GitHub reads.
	maxParts  = 1000
	maxOwners = 3 << 20
)

// read reads the body: one report, or a form with any number of them in parts named "report" and a "codeowners".
func (r *reportReceiver) read(req *http.Request, format testreport.Format) (*upload, *problem) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	up := &upload{}
	if err != nil || kind != "multipart/form-data" {
		return up, r.parse(up, req.Body, format)
	}
	form, err := req.MultipartReader()
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "malformed", "the form can't be read: "+err.Error())
	}
	for n := 0; ; n++ {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(fmt.Errorf("the form can't be read: %w", err))
		}
		if n == maxParts {
			return nil, newProblem(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the form has more than %d parts", maxParts))
		}
		var p *problem
		switch part.FormName() {
		case "report":
			p = r.parse(up, part, format)
		case "codeowners":
			if up.owners, err = testreport.ParseOwners(io.LimitReader(part, maxOwners)); err != nil {
				p = wrongField("codeowners", err.Error())
			}
		default:
			p = wrongField(part.FormName(), "is no part of this form", "report", "codeowners")
		}
		if p != nil {
			return nil, p
		}
	}
	if len(up.reports) == 0 {
		return nil, wrongField("report", "the form has no part of this name")
	}
	return up, nil
}

// parse adds a report. All reports of a request share its limit of cases.
func (r *reportReceiver) parse(up *upload, body io.Reader, format testreport.Format) *problem {
	have := 0
	for _, rep := range up.reports {
		have += len(rep.Cases)
	}
	report, err := testreport.Parse(body, format, testreport.Limits{MaxCases: max(1, r.cfg.MaxCases-have)})
	if err != nil {
		return unreadable(err)
	}
	up.reports = append(up.reports, report)
	return nil
}

// batch is how many events go into one request of the pipeline: records of a large report are never in memory all at once.
const batch = 2000

// store hands the events to the pipeline. What a later batch's failure leaves behind is stored again when the report is
// sent again, under the same ids.
func (r *reportReceiver) store(ctx context.Context, events []build.Event) error {
	observed := pcommon.NewTimestampFromTime(time.Now())
	for len(events) > 0 {
		n := min(batch, len(events))
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr(envelope.AttrTenantID, r.tenant.String())
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(scope)
		sl.LogRecords().EnsureCapacity(n)
		for _, ev := range events[:n] {
			lr := sl.LogRecords().AppendEmpty()
			build.AppendTo(ev, lr)
			lr.SetObservedTimestamp(observed)
		}
		octx := r.obs.StartLogsOp(build.WithChecked(ctx))
		err := r.next.ConsumeLogs(octx, ld)
		r.obs.EndLogsOp(octx, "summit_testreport", n, err)
		if err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}
