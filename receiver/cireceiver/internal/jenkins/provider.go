// Package jenkins reads what Jenkins' OpenTelemetry plugin sends: its spans get the names of the CI/CD conventions, and
// builds and their stages become build events. Package cireceiver gives it deliveries.
package jenkins

import (
	"mime"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is Jenkins. A span of a stage doesn't say to which build it belongs but by its trace, and the build's own span
// comes last: the provider remembers the stages of builds that go on.
type Provider struct{ open *pending }

var (
	_ wire.Provider = Provider{}
	_ wire.Answerer = Provider{}
)

// New makes a provider with its own memory of builds that go on.
func New() Provider { return Provider{open: newPending(maxTraces)} }

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderJenkins }

// Verify wants a bearer token, which the plugin's settings take.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	return wire.VerifyBearer(d.Header, secrets)
}

const event = "traces"

func isProtobuf(d *wire.Delivery) bool {
	media, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	return media == "application/x-protobuf"
}

// Head checks the content type.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{Event: event, Payload: d.Body}
	media, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	switch media {
	case "application/x-protobuf":
		h.Format = wire.Protobuf
	case "application/json":
	default:
		p := wire.NewProblem(415, "media_type", "Content-Type "+wire.Cut(media, 64)+" is none of OTLP/HTTP")
		p.Allowed = []string{"application/x-protobuf", "application/json"}
		return h, p
	}
	return h, nil
}

// Answer is the answer to an OTLP request that was taken whole.
func (Provider) Answer(d *wire.Delivery) (contentType string, body []byte) {
	if isProtobuf(d) {
		return "application/x-protobuf", nil
	}
	return "application/json", []byte("{}")
}

// Parse translates the spans and gives the builds and stages among them.
func (p Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	req := ptraceotlp.NewExportRequest()
	decode := req.UnmarshalJSON
	if h.Format == wire.Protobuf {
		decode = req.UnmarshalProto
	}
	if err := decode(h.Payload); err != nil {
		return wire.Parsed{}, wire.NewProblem(400, "otlp", "the body is no OTLP request of traces: "+err.Error())
	}
	t := translator{open: p.open}
	td := req.Traces()
	for _, rs := range td.ResourceSpans().All() {
		t.resource(rs)
	}
	return wire.Parsed{Events: t.events(), Spans: td, OwnSpans: true, Dropped: t.dropped}, nil
}
