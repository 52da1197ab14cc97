package otlpwire

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/otlpitem"
)

// The field numbers below are those of opentelemetry-proto 1.9. Fields that aren't named are skipped; of a field that
// comes twice the last counts.

func (p *parts) readSpan(b []byte, s *otlpitem.Span) error {
	s.Reset()
	var f field
	for pos := 0; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		switch f.id {
		case 1:
			err = f.setID(s.TraceID[:])
		case 2:
			err = f.setID(s.SpanID[:])
		case 3:
			err = f.text(&s.TraceState)
		case 4:
			err = f.setID(s.Parent[:])
		case 5:
			err = f.text(&s.Name)
		case 6:
			err = f.int32(&s.Kind)
		case 7:
			err = f.fixed64(&s.Start)
		case 8:
			err = f.fixed64(&s.End)
		case 9:
			s.Attrs, err = p.attribute(s.Attrs, &f)
		case 10:
			err = f.uint32(&s.DroppedAttrs)
		case 11:
			err = p.event(&f, s)
		case 12:
			err = f.uint32(&s.DroppedEvents)
		case 13:
			err = p.link(&f, s)
		case 14:
			err = f.uint32(&s.DroppedLinks)
		case 15:
			err = status(&f, s)
		case 16:
			err = f.fixed32(&s.Flags)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func status(of *field, s *otlpitem.Span) error {
	return of.each(func(f *field) error {
		switch f.id {
		case 2:
			return f.text(&s.Message)
		case 3:
			return f.int32(&s.Status)
		}
		return nil
	})
}

func (p *parts) event(of *field, s *otlpitem.Span) error {
	e := otlpitem.Event{From: len(s.Room)}
	err := of.each(func(f *field) (err error) {
		switch f.id {
		case 1:
			return f.fixed64(&e.At)
		case 2:
			return f.text(&e.Name)
		case 3:
			s.Room, err = p.attribute(s.Room, f)
			return err
		case 4:
			return f.uint32(&e.Dropped)
		}
		return nil
	})
	e.To = len(s.Room)
	s.Events = append(s.Events, e)
	return err
}

func (p *parts) link(of *field, s *otlpitem.Span) error {
	l := otlpitem.Link{From: len(s.Room)}
	err := of.each(func(f *field) (err error) {
		switch f.id {
		case 1:
			return f.setID(l.TraceID[:])
		case 2:
			return f.setID(l.SpanID[:])
		case 3:
			return f.text(&l.TraceState)
		case 4:
			s.Room, err = p.attribute(s.Room, f)
			return err
		case 5:
			return f.uint32(&l.Dropped)
		case 6:
			return f.fixed32(&l.Flags)
		}
		return nil
	})
	l.To = len(s.Room)
	s.Links = append(s.Links, l)
	return err
}

func (p *parts) readRecord(b []byte, r *otlpitem.Record) error {
	r.Reset()
	var f field
	for pos := 0; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		switch f.id {
		case 1:
			err = f.fixed64(&r.At)
		case 2:
			err = f.int32(&r.Severity)
		case 3:
			err = f.text(&r.SeverityText)
		case 5:
			err = p.value(&f, &r.Body)
		case 6:
			r.Attrs, err = p.attribute(r.Attrs, &f)
		case 7:
			err = f.uint32(&r.Dropped)
		case 8:
			err = f.fixed32(&r.Flags)
		case 9:
			err = f.setID(r.TraceID[:])
		case 10:
			err = f.setID(r.SpanID[:])
		case 11:
			err = f.fixed64(&r.Observed)
		case 12:
			err = f.text(&r.EventName)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) readPoint(b []byte, pt *otlpitem.Point) error {
	pt.Reset()
	var f field
	for pos := 0; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		switch f.id {
		case 2:
			err = f.fixed64(&pt.Start)
		case 3:
			err = f.fixed64(&pt.At)
		case 4:
			pt.Type = pmetric.NumberDataPointValueTypeDouble
			err = f.fixed64(&pt.Num)
		case 5:
			pt.HasExemplars = true
			err = f.want(bytesType)
		case 6:
			pt.Type = pmetric.NumberDataPointValueTypeInt
			err = f.fixed64(&pt.Num)
		case 7:
			pt.Attrs, err = p.attribute(pt.Attrs, &f)
		case 8:
			err = f.uint32(&pt.Flags)
		}
		if err != nil {
			return err
		}
	}
	if !pt.HasExemplars {
		return nil
	}
	whole, err := p.wholePoint(b)
	if err == nil {
		pt.Exemplars = whole.Exemplars()
	}
	return err
}

// attribute appends a KeyValue.
func (p *parts) attribute(dst []otlpitem.Attribute, of *field) ([]otlpitem.Attribute, error) {
	if of.typ != bytesType {
		return dst, of.want(bytesType)
	}
	dst = append(dst, otlpitem.Attribute{})
	a := &dst[len(dst)-1]
	var f field
	for pos, b := 0, of.bytes; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return dst, err
		}
		switch f.id {
		case 1:
			err = f.text(&a.Key)
		case 2:
			err = p.value(&f, &a.Value)
		case 3:
			err = f.want(varint)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// value reads an AnyValue; an empty one leaves what was there, as merging messages does.
func (p *parts) value(of *field, v *otlpitem.Value) error {
	if of.typ != bytesType {
		return of.want(bytesType)
	}
	var f field
	for pos, b := 0, of.bytes; pos < len(b); {
		start := pos
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		switch f.id {
		case 1:
			*v = otlpitem.Value{Type: pcommon.ValueTypeStr}
			err = f.text(&v.Str)
		case 2:
			*v = otlpitem.Value{Type: pcommon.ValueTypeBool, Num: min(f.number, 1)}
			err = f.want(varint)
		case 3:
			*v = otlpitem.Value{Type: pcommon.ValueTypeInt, Num: f.number}
			err = f.want(varint)
		case 4:
			*v = otlpitem.Value{Type: pcommon.ValueTypeDouble, Num: f.number}
			err = f.want(fixed64)
		case 5, 6, 7:
			if err = f.want(bytesType); err == nil {
				*v, err = p.other(b[start:pos])
			}
		case 8: // a place in a dictionary that only profiles have
			*v = otlpitem.Value{}
			err = f.want(varint)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls visit for each field of a message.
func (f *field) each(visit func(*field) error) error {
	if f.typ != bytesType {
		return f.want(bytesType)
	}
	var inner field
	for pos, b := 0, f.bytes; pos < len(b); {
		var err error
		if pos, err = inner.next(b, pos); err != nil {
			return err
		}
		if err := visit(&inner); err != nil {
			return err
		}
	}
	return nil
}

// timeOf gives the last fixed64 field of that number in an item, 0 where there is none or the item can't be read.
func timeOf(b []byte, id int32) uint64 {
	at := uint64(0)
	var f field
	for pos := 0; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return 0
		}
		if f.id == id && f.typ == fixed64 {
			at = f.number
		}
	}
	return at
}
