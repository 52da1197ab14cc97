// Package envelope holds what every event carries wherever it goes: the tenant, a deterministic id, and the commit,
// build run and deployment it came from with the evidence for them.
//
// Event is the canonical envelope: one log record with its resource and scope as a plain Go value. FromLogRecord and
// AppendTo map it to and from OTLP, MarshalJSON and UnmarshalJSON to and from the JSON that api/json/summit.v1.event.json
// describes; nothing is lost on the way. In between, pipelines carry OTLP: the tenant and the correlation are stamps on
// the resource (IsStamp), put there by the envelope and the correlation processor, and the id is made of the content by
// the same function for the processor, the store's encoder and Event.
//
// All other packages may import this one; of ours it imports internal/tenant alone.
package envelope

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Basis is the evidence by which an event was joined to a build, strongest first. The numbers are those of the
// Enum8 column correlation_basis.
type Basis uint8

// The bases. BasisTime is a guess from deployment times and is never shown as certain.
const (
	BasisNone Basis = iota
	BasisDigest
	BasisRevision
	BasisVersion
	BasisTime
)

var basisNames = [...]string{"none", "digest", "revision", "version", "time"}

// String gives the name used on the wire and in the store.
func (b Basis) String() string {
	if int(b) >= len(basisNames) {
		return "none"
	}
	return basisNames[b]
}

// ParseBasis reads a name; an empty string is BasisNone.
func ParseBasis(s string) (Basis, error) {
	if s == "" {
		return BasisNone, nil
	}
	for i, n := range basisNames {
		if n == s {
			return Basis(i), nil
		}
	}
	return BasisNone, fmt.Errorf("correlation basis %q: want one of none, digest, revision, version, time", s)
}

// Correlation says which commit, build run and deployment an event came from, and on what evidence.
// Empty strings mean unknown.
type Correlation struct {
	CommitSHA    string `json:"commit_sha"`
	BuildRunID   string `json:"build_run_id"`
	DeploymentID string `json:"deployment_id"`
	Basis        Basis  `json:"basis"`
}

// IsZero tells a correlation that says nothing.
func (c Correlation) IsZero() bool { return c == Correlation{} }

// EventID is the deterministic id of an event: equal for a resend, different for different content.
// It is the first 16 bytes of a SHA-256 over the fields that the functions below name.
type EventID [16]byte

// SpanEventID is SHA-256("summit.span.v1" ‖ tenant ‖ trace id ‖ span id ‖ start ns ‖ duration ns), numbers big-endian;
// the column events_trace_v1.event_id computes the same in SQL.
func SpanEventID(tenant [16]byte, trace [16]byte, span [8]byte, startNS, durationNS int64) EventID {
	b := make([]byte, 0, 80)
	b = append(b, "summit.span.v1"...)
	b = append(b, tenant[:]...)
	b = append(b, trace[:]...)
	b = append(b, span[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(startNS))
	b = binary.BigEndian.AppendUint64(b, uint64(durationNS))
	return sum(b)
}

// LogEventID is SHA-256("summit.log.v1" ‖ tenant ‖ resource fingerprint ‖ time ns ‖ observed ns ‖ trace id ‖ span id ‖
// content), where content is the record's severity, body and attributes in a canonical form.
func LogEventID(tenant [16]byte, resource uint64, timeNS, observedNS int64, trace [16]byte, span [8]byte, content []byte) EventID {
	b := make([]byte, 0, 96+len(content))
	b = append(b, "summit.log.v1"...)
	b = append(b, tenant[:]...)
	b = binary.BigEndian.AppendUint64(b, resource)
	b = binary.BigEndian.AppendUint64(b, uint64(timeNS))
	b = binary.BigEndian.AppendUint64(b, uint64(observedNS))
	b = append(b, trace[:]...)
	b = append(b, span[:]...)
	b = append(b, content...)
	return sum(b)
}

// ErrorEventID is the id of the exception with the given index inside the event source.
func ErrorEventID(source EventID, index int) EventID {
	b := make([]byte, 0, 40)
	b = append(b, "summit.error.v1"...)
	b = append(b, source[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(index))
	return sum(b)
}

func sum(b []byte) EventID {
	h := sha256.Sum256(b)
	return EventID(h[:16])
}
