package load

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// templates is how many different requests a run has before ids, times and values make each new. Points have fewer,
// because a template is a set of series, and a series that gets no second sample is not what monitoring sends.
func templates(s Settings) int {
	if s.Signal == Points {
		return 2
	}
	// Small requests have as many different rows among them as large ones.
	return max(8, 65536/s.PerRequest)
}

// patch is a place in a marshalled request.
type patch struct {
	at   int
	size int
	kind patchKind
}

type patchKind uint8

const (
	// traceID and spanID are mixed with the number of the request, so that ids stay random and their relations stay.
	traceID patchKind = iota
	spanID
	// unixNano holds an offset, maybe a negative one, that is added to the time of sending; all but 1 are spread by up to a
	// millisecond.
	unixNano
	// digits are the digits at the end of a text: numbers of users, products, addresses.
	digits
	// numbers are all digits of a text.
	numbers
	// value is a sample.
	value
)

// template is a marshalled request with its places.
type template struct {
	body    []byte
	items   int
	patches []patch
}

// spot is a field to patch: the numbers of the fields that lead to it.
type spot struct {
	path []protowire.Number
	kind patchKind
}

// spots are the fields by signal, by the numbers of the OTLP protocol.
var spots = map[Signal][]spot{
	Spans: {
		{[]protowire.Number{1, 2, 2, 1}, traceID},
		{[]protowire.Number{1, 2, 2, 2}, spanID},
		{[]protowire.Number{1, 2, 2, 4}, spanID},
		{[]protowire.Number{1, 2, 2, 7}, unixNano},
		{[]protowire.Number{1, 2, 2, 8}, unixNano},
		{[]protowire.Number{1, 2, 2, 11, 1}, unixNano},
		{[]protowire.Number{1, 2, 2, 9, 2, 1}, digits},
	},
	Logs: {
		{[]protowire.Number{1, 2, 2, 1}, unixNano},
		{[]protowire.Number{1, 2, 2, 11}, unixNano},
		{[]protowire.Number{1, 2, 2, 9}, traceID},
		{[]protowire.Number{1, 2, 2, 10}, spanID},
		{logBody, digits},
		{[]protowire.Number{1, 2, 2, 6, 2, 1}, digits},
	},
	Points: {
		{[]protowire.Number{1, 2, 2, 5, 1, 3}, unixNano},
		{[]protowire.Number{1, 2, 2, 7, 1, 3}, unixNano},
		{[]protowire.Number{1, 2, 2, 5, 1, 2}, unixNano},
		{[]protowire.Number{1, 2, 2, 7, 1, 2}, unixNano},
		{[]protowire.Number{1, 2, 2, 5, 1, 4}, value},
		{[]protowire.Number{1, 2, 2, 7, 1, 4}, value},
	},
}

// logBody leads to the text of a log record.
var logBody = []protowire.Number{1, 2, 2, 5, 1}

func makeTemplates(s Settings) ([]template, error) {
	maker := map[Signal]func(*rand.Rand, int) ([]byte, error){Spans: spans, Logs: logs, Points: points}[s.Signal]
	switch s.Shape {
	case Jaeger:
		maker = jaegerSpans
	case LongBodies:
		maker = longLogs
	}
	out := make([]template, templates(s))
	for i := range out {
		// The same for every seed, so that a second run of points goes to the series of the first.
		body, err := maker(rand.New(rand.NewPCG(1, uint64(i))), s.PerRequest)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", s.Signal, err)
		}
		out[i] = template{body: body, items: s.PerRequest}
		for _, sp := range spots[s.Signal] {
			if s.Shape == LongBodies && slices.Equal(sp.path, logBody) {
				sp.kind = numbers
			}
			if err := out[i].find(body, 0, sp.path, sp.kind); err != nil {
				return nil, fmt.Errorf("find the places of %s: %w", s.Signal, err)
			}
		}
	}
	return out, nil
}

var digitRuns = regexp.MustCompile(`[0-9]+`)

// find walks to the fields at the end of a path and notes where their content is.
func (t *template) find(b []byte, base int, path []protowire.Number, kind patchKind) error {
	for pos := 0; pos < len(b); {
		num, typ, n := protowire.ConsumeTag(b[pos:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		start := pos + n
		size := protowire.ConsumeFieldValue(num, typ, b[start:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		pos = start + size
		if num != path[0] {
			continue
		}
		content := start
		if typ == protowire.BytesType {
			_, n := protowire.ConsumeVarint(b[start:])
			content += n
		}
		switch {
		case len(path) == 1:
			t.note(b[content:pos], base+content, kind)
		case typ == protowire.BytesType:
			if err := t.find(b[content:pos], base+content, path[1:], kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// note keeps a place, of a text only digits: those at its end, or each run of them.
func (t *template) note(content []byte, at int, kind patchKind) {
	if kind == numbers {
		for _, run := range digitRuns.FindAllIndex(content, -1) {
			t.patches = append(t.patches, patch{at + run[0], run[1] - run[0], digits})
		}
		return
	}
	size := len(content)
	if kind == digits {
		size = 0
		for size < len(content) && content[len(content)-1-size] >= '0' && content[len(content)-1-size] <= '9' {
			size++
		}
		if size == 0 {
			return
		}
		at += len(content) - size
	}
	t.patches = append(t.patches, patch{at, size, kind})
}

// fill writes the n-th request of a seed into buf: the template with ids, times and values of its own.
func (t *template) fill(buf []byte, seed, n uint64, now time.Time) []byte {
	buf = append(buf[:0], t.body...)
	a := mix(seed ^ mix(n))
	b := mix(a)
	x := b | 1
	at := uint64(now.UnixNano())
	for _, p := range t.patches {
		field := buf[p.at : p.at+p.size]
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		switch {
		case p.kind == digits:
			random := x
			for i := range field {
				field[i] = '0' + byte(random%10)
				random /= 10
			}
		case p.kind == unixNano && p.size == 8:
			// The data's own offsets stay; 1 is a time that several places share.
			v := binary.LittleEndian.Uint64(field)
			if v > 1 {
				v += x % 1_000_000
			}
			binary.LittleEndian.PutUint64(field, at+v)
		case p.kind == value && p.size == 8:
			binary.LittleEndian.PutUint64(field, math.Float64bits(float64(x%8_000_000)/8))
		case p.kind == traceID && p.size == 16:
			xor(field[:8], a)
			xor(field[8:], b)
		case p.kind == spanID && p.size == 8:
			xor(field, b)
		}
	}
	return buf
}

func xor(b []byte, x uint64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^x)
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
