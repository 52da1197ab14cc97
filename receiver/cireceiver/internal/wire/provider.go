package wire

import (
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/build"
)

// Delivery is one request of a provider.
type Delivery struct {
	Header http.Header
	Query  url.Values
	// Body is as it came: signatures are over its bytes.
	Body []byte
}

// Kind says what becomes of a delivery.
type Kind int

// The kinds of delivery.
const (
	// Used carries something for us.
	Used Kind = iota
	// Ignored is of a type that we have no use for.
	Ignored
	// Ping is sent to try the door.
	Ping
)

// Head is what a delivery says of itself.
type Head struct {
	// Event is the provider's name for what has happened.
	Event string
	Kind  Kind
	// ID names the delivery, equal when it is repeated; empty where the provider has no such name.
	ID string
	// Payload is what Parse reads, taken out of the body.
	Payload []byte
	// Format is how the payload is written.
	Format Format
}

// Format is how a payload is written.
type Format int

// The formats.
const (
	JSON Format = iota
	Protobuf
)

// Parsed is what a delivery tells.
type Parsed struct {
	Events []build.Event
	// Spans are those of a provider that makes its own; of its runs and tasks none are made here.
	Spans    ptrace.Traces
	OwnSpans bool
	// Dropped is how many parts of builds were given up because the provider's memory of builds that go on is full.
	Dropped int
}

// Of is what a delivery without spans of its own tells.
func Of(events ...build.Event) Parsed { return Parsed{Events: events} }

// Answerer is a provider whose protocol has its own answer to a delivery that was taken.
type Answerer interface {
	Answer(d *Delivery) (contentType string, body []byte)
}

// Provider reads the deliveries of one CI system. Its methods are pure functions of their arguments, but for what a
// provider must remember of builds that go on.
type Provider interface {
	// Name is the provider in run ids, routes, options and counters.
	Name() string
	// Verify says why the sender isn't believed. It sees the bytes before anything else reads them; secrets isn't empty.
	Verify(d *Delivery, secrets [][]byte) error
	// Head names the delivery.
	Head(d *Delivery) (Head, *Problem)
	// Parse gives the build events of a delivery that is used. now orders what the provider gives no time for.
	Parse(h Head, now time.Time) (Parsed, *Problem)
}
