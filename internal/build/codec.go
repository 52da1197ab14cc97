package build

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/envelope"
)

// writer puts fields that aren't zero into attributes.
type writer struct{ attrs pcommon.Map }

func (w *writer) runKey(k *RunKey)             { runKeyFields(w, k) }
func (w *writer) state(s *State, n stateNames) { stateFields(w, s, n) }

func (w *writer) str(key string, p *string) {
	if *p != "" {
		w.attrs.PutStr(key, *p)
	}
}

// u64 keeps the bits: a version with its rank fits an int64, larger numbers come back by the same conversion.
func (w *writer) u64(key string, p *uint64) {
	if *p != 0 {
		w.attrs.PutInt(key, int64(*p))
	}
}

func (w *writer) f64(key string, p *float64) {
	if *p != 0 {
		w.attrs.PutDouble(key, *p)
	}
}

func (w *writer) flag(key string, p *bool) {
	if *p {
		w.attrs.PutBool(key, true)
	}
}

func (w *writer) at(key string, p *time.Time) {
	if !p.IsZero() {
		w.attrs.PutInt(key, p.UnixNano())
	}
}

func (w *writer) strs(key string, p *[]string) {
	if len(*p) == 0 {
		return
	}
	s := w.attrs.PutEmptySlice(key)
	s.EnsureCapacity(len(*p))
	for _, v := range *p {
		s.AppendEmpty().SetStr(v)
	}
}

func (w *writer) bytes(key string, p []byte) {
	for _, b := range p {
		if b != 0 {
			w.attrs.PutEmptyBytes(key).FromRaw(p)
			return
		}
	}
}

func (w *writer) more(p *map[string]string) {
	for _, k := range sortedKeys(*p) {
		w.attrs.PutStr(envelope.AttrBuildPrefix+k, (*p)[k])
	}
}

// reader takes fields from attributes and keeps the first error.
type reader struct {
	attrs pcommon.Map
	err   error
}

func (r *reader) runKey(k *RunKey)             { runKeyFields(r, k) }
func (r *reader) state(s *State, n stateNames) { stateFields(r, s, n) }

func (r *reader) fail(key, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %s: %s", key, why)
	}
}

func (r *reader) value(key string, want pcommon.ValueType) (pcommon.Value, bool) {
	v, ok := r.attrs.Get(key)
	if !ok {
		return v, false
	}
	if v.Type() != want {
		r.fail(key, fmt.Sprintf("is %s, want %s", v.Type(), want))
		return v, false
	}
	return v, true
}

func (r *reader) str(key string, p *string) {
	if v, ok := r.value(key, pcommon.ValueTypeStr); ok {
		*p = v.Str()
	}
}

func (r *reader) u64(key string, p *uint64) {
	if v, ok := r.value(key, pcommon.ValueTypeInt); ok {
		*p = uint64(v.Int())
	}
}

func (r *reader) f64(key string, p *float64) {
	if v, ok := r.value(key, pcommon.ValueTypeDouble); ok {
		*p = v.Double()
	}
}

func (r *reader) flag(key string, p *bool) {
	if v, ok := r.value(key, pcommon.ValueTypeBool); ok {
		*p = v.Bool()
	}
}

func (r *reader) at(key string, p *time.Time) {
	if v, ok := r.value(key, pcommon.ValueTypeInt); ok {
		*p = time.Unix(0, v.Int()).UTC()
	}
}

func (r *reader) strs(key string, p *[]string) {
	v, ok := r.value(key, pcommon.ValueTypeSlice)
	if !ok {
		return
	}
	for _, e := range v.Slice().All() {
		if e.Type() != pcommon.ValueTypeStr {
			r.fail(key, fmt.Sprintf("holds a value of type %s, want Str", e.Type()))
			return
		}
		*p = append(*p, e.Str())
	}
}

func (r *reader) bytes(key string, p []byte) {
	v, ok := r.value(key, pcommon.ValueTypeBytes)
	if !ok {
		return
	}
	if v.Bytes().Len() != len(p) {
		r.fail(key, fmt.Sprintf("has %d bytes, want %d", v.Bytes().Len(), len(p)))
		return
	}
	copy(p, v.Bytes().AsRaw())
}

func (r *reader) more(p *map[string]string) {
	for k, v := range r.attrs.All() {
		name, ok := strings.CutPrefix(k, envelope.AttrBuildPrefix)
		if !ok {
			continue
		}
		if v.Type() != pcommon.ValueTypeStr {
			r.fail(k, fmt.Sprintf("is %s, want Str", v.Type()))
			return
		}
		if *p == nil {
			*p = make(map[string]string)
		}
		(*p)[name] = v.Str()
	}
}
