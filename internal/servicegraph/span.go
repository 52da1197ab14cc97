// Package servicegraph finds which service called which: it pairs the client's span of a call with the server's and
// counts the pairs by minute and by the versions of both sides. The connector feeds it; its edges travel as log records
// that the exporter writes into service_edges_1m_v1.
package servicegraph

import (
	"math"
	"time"

	"github.com/summitobs/summit/internal/tenant"
)

// Side is what end of a call a span is.
type Side uint8

// The sides. A span of another kind takes no part in a call.
const (
	Client Side = iota
	Server
)

// Connection is how two services talk; its values are those of service_edges_1m_v1.connection.
type Connection int8

// The connections.
const (
	RPC Connection = iota + 1
	Messaging
	Database
	// External is a call to something that sends no spans of its own.
	External
)

// String gives the value's name in the table.
func (c Connection) String() string {
	switch c {
	case RPC:
		return "rpc"
	case Messaging:
		return "messaging"
	case Database:
		return "database"
	case External:
		return "external"
	default:
		return "unknown"
	}
}

// Process is the side that a resource tells of.
type Process struct {
	Tenant      tenant.ID
	Service     string
	Version     string
	Environment string
	CommitSHA   string
	BuildRunID  string
}

// Span is what pairing needs of one end of a call.
type Span struct {
	Process *Process
	Trace   [16]byte
	// Call names the call in its trace: the client's span id, which is the server's parent.
	Call [8]byte
	Side Side
	// Messaging tells a producer or consumer; the consumer may come long after.
	Messaging bool
	Start     time.Time
	Duration  time.Duration
	Failed    bool
	// Database and Peer are what the client says of a callee that sends no spans: a database, or a name or address.
	Database string
	Peer     string
	// Weight is how many calls the span stands for; 1 without sampling.
	Weight float64
}

// Edge is the calls from one version of a service to one version of another in one minute.
type Edge struct {
	Tenant                 tenant.ID
	Minute                 time.Time
	Src, Dst               string
	Connection             Connection
	Environment            string
	SrcVersion, DstVersion string
	DstCommitSHA           string
	DstBuildRunID          string
	Sums
}

// Sums are the parts of an edge that add up.
type Sums struct {
	Calls  float64
	Errors float64
	// Unpaired are calls of which one side alone was seen.
	Unpaired    float64
	DurationSum float64
	DurationMax int64
	// Histogram counts durations by bucket.
	Histogram map[uint8]uint64
}

// Bucket is the histogram's bucket of a duration: quarter powers of two, bucket b from 2^((b+40)/4) ns on, from about a
// microsecond to years. It is the one of red_1m_v1.
func Bucket(d time.Duration) uint8 {
	b := math.Floor(math.Log2(float64(max(d, 1)))*4) - 40
	return uint8(min(max(b, 0), 255))
}

func (s *Sums) add(d time.Duration, weight float64, failed, unpaired bool) {
	s.Calls += weight
	if failed {
		s.Errors += weight
	}
	if unpaired {
		s.Unpaired += weight
	}
	s.DurationSum += float64(d) * weight
	s.DurationMax = max(s.DurationMax, int64(d))
	if s.Histogram == nil {
		s.Histogram = make(map[uint8]uint64, 4)
	}
	s.Histogram[Bucket(d)] += uint64(weight)
}
