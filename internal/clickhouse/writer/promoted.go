package writer

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/envelope"
)

// promoted are the attributes of a span that have a column of their own besides their place in the maps. Where a name
// has changed in the conventions, the present one wins.
type promoted struct {
	method, route, db, rpc, msgSystem, msgDest, peer, session string
	status                                                    int64
	weight                                                    float64
	user                                                      user
}

// look remembers the attribute if it is one of them.
func (p *promoted) look(key string, v pcommon.Value) {
	switch key {
	case "http.request.method":
		p.method = str(v)
	case "http.route":
		p.route = str(v)
	case "http.response.status_code":
		p.status = number(v)
	case "db.system.name":
		p.db = str(v)
	case "rpc.method":
		p.rpc = str(v)
	case "messaging.system":
		p.msgSystem = str(v)
	case "messaging.destination.name":
		p.msgDest = str(v)
	case "service.peer.name":
		p.peer = str(v)
	case "session.id":
		p.session = str(v)
	case "http.method":
		orElse(&p.method, v)
	case "db.system":
		orElse(&p.db, v)
	case "messaging.destination":
		orElse(&p.msgDest, v)
	case "peer.service":
		orElse(&p.peer, v)
	case "http.status_code":
		if p.status == 0 {
			p.status = number(v)
		}
	case envelope.AttrSampleWeight:
		p.weight = validWeight(v)
	default:
		p.user.look(key, v)
	}
}

func str(v pcommon.Value) string {
	if v.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return v.Str()
}

func number(v pcommon.Value) int64 {
	if v.Type() != pcommon.ValueTypeInt {
		return 0
	}
	return v.Int()
}

func orElse(p *string, v pcommon.Value) {
	if *p == "" {
		*p = str(v)
	}
}

// validWeight is a finite weight of at least 1, else 0.
func validWeight(v pcommon.Value) float64 {
	w := 0.0
	switch v.Type() {
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

// weightOf reads the rejection threshold of consistent probability sampling, ot=th:<hex> in the trace state, and gives
// how many spans a sampled one stands for; 1 where there is none.
func weightOf(state string) float64 {
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
