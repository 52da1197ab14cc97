// Package promoted finds the attributes that the store has a column of its own for, besides their place in the maps:
// of spans, and of whoever was in front of the screen. The column encoders show it each attribute once.
package promoted

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
)

// Span holds the promoted attributes of a span. Where a name
// has changed in the conventions, the present one wins.
type Span struct {
	Method, Route, DB, RPC, MsgSystem, MsgDest, Peer, Session string
	Status                                                    int64
	// Weight is how many spans of the original traffic this one stands for; 0 where the sender doesn't tell.
	Weight float64
	User   User
}

// Look remembers the attribute if it is one of them.
func (p *Span) Look(key string, v *otlpitem.Value) {
	switch key {
	case "http.request.method":
		p.Method = v.Text()
	case "http.route":
		p.Route = v.Text()
	case "http.response.status_code":
		p.Status = number(v)
	case "db.system.name":
		p.DB = v.Text()
	case "rpc.method":
		p.RPC = v.Text()
	case "messaging.system":
		p.MsgSystem = v.Text()
	case "messaging.destination.name":
		p.MsgDest = v.Text()
	case "service.peer.name":
		p.Peer = v.Text()
	case "session.id":
		p.Session = v.Text()
	case "http.method":
		orElse(&p.Method, v)
	case "db.system":
		orElse(&p.DB, v)
	case "messaging.destination":
		orElse(&p.MsgDest, v)
	case "peer.service":
		orElse(&p.Peer, v)
	case "http.status_code":
		if p.Status == 0 {
			p.Status = number(v)
		}
	case envelope.AttrSampleWeight:
		p.Weight = validWeight(v)
	default:
		p.User.Look(key, v)
	}
}

func number(v *otlpitem.Value) int64 {
	if v.Type != pcommon.ValueTypeInt {
		return 0
	}
	return v.Int()
}

func orElse(p *string, v *otlpitem.Value) {
	if *p == "" {
		*p = v.Text()
	}
}

// validWeight is a finite weight of at least 1, else 0.
func validWeight(v *otlpitem.Value) float64 {
	w := 0.0
	switch v.Type {
	case pcommon.ValueTypeDouble:
		w = v.Double()
	case pcommon.ValueTypeInt:
		w = float64(v.Int())
	}
	if w >= 1 && w <= math.MaxFloat32 {
		return w
	}
	return 0
}

// thresholdDigits is the length of a whole rejection threshold: 56 bits.
const thresholdDigits = 14

// Weight reads the rejection threshold of consistent probability sampling, ot=th:<hex> in the trace state, and gives
// how many spans a sampled one stands for; 1 where there is none.
func Weight(state string) float64 {
	for member := range strings.SplitSeq(state, ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(member), "ot=")
		if !ok {
			continue
		}
		for field := range strings.SplitSeq(value, ";") {
			th, ok := strings.CutPrefix(field, "th:")
			if !ok || th == "" || len(th) > thresholdDigits {
				continue
			}
			t, err := strconv.ParseUint(th+strings.Repeat("0", thresholdDigits-len(th)), 16, 64)
			if err != nil {
				return 1
			}
			const whole = 1 << 56
			return float64(whole) / float64(whole-t)
		}
	}
	return 1
}
