package otlpwire

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/otlpdepth"
	"github.com/summitobs/summit/internal/otlpitem"
)

// oneMetric is a metric of a request: its points' bytes if they are numbers, else all of it as pdata.
type oneMetric struct {
	otlpitem.Metric
	points  [][]byte
	isWhole bool
	whole   pmetric.Metric
}

// noMetadata is the metadata of nearly all metrics; nobody writes into it.
var noMetadata = pcommon.NewMap()

// ReadMetrics parts a request. Values may be nested maxDepth levels deep.
func ReadMetrics(body []byte, maxDepth int) (*Metrics, error) {
	p, err := split(otlpdepth.Metrics, body, maxDepth)
	if err != nil {
		return nil, err
	}
	m := &Metrics{parts: p}
	if err := m.readAll(); err != nil {
		p.release()
		return nil, malformed(err)
	}
	return m, nil
}

// Release gives the request's memory back.
func (m *Metrics) Release() { m.release() }

func (m *Metrics) readAll() error {
	var err error
	if m.Head, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(m.head); err != nil {
		return err
	}
	m.Count = m.Head.DataPointCount()
	m.read = make([]oneMetric, len(m.items))
	for i, b := range m.items {
		if err := m.readMetric(b, &m.read[i]); err != nil {
			return err
		}
		m.Count += m.read[i].Points
	}
	for i, rm := range m.Head.ResourceMetrics().All() {
		at := m.place(i)
		if rm.ScopeMetrics().Len() != at.behind-at.first {
			m.From = append(m.From, otlpitem.PDataMetrics{ResourceMetrics: rm})
			continue
		}
		m.From = append(m.From, &metrics{at, rm, m})
	}
	return nil
}

// readMetric reads a metric without its points, or as pdata if it is no plain gauge or sum.
func (m *Metrics) readMetric(b []byte, to *oneMetric) error {
	to.Metadata = noMetadata
	var f, data field
	for pos := 0; pos < len(b); {
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		switch f.id {
		case 1:
			err = f.text(&to.Name)
		case 2:
			err = f.text(&to.Description)
		case 3:
			err = f.text(&to.Unit)
		case 5, 7:
			to.isWhole = to.isWhole || data.id != 0
			data = f
		case 9, 10, 11, 12:
			to.isWhole = true
		}
		if err != nil {
			return err
		}
	}
	if to.isWhole {
		whole, err := m.wholeMetric(b)
		if err != nil {
			return err
		}
		to.whole, to.Metric = whole, otlpitem.MetricOf(whole)
		return nil
	}
	if data.id == 0 {
		return nil
	}
	return m.readData(&data, to)
}

// readData finds the points of a gauge or sum.
func (m *Metrics) readData(data *field, to *oneMetric) error {
	to.Type = pmetric.MetricTypeGauge
	if data.id == 7 {
		to.Type = pmetric.MetricTypeSum
	}
	from := len(m.points)
	err := data.each(func(f *field) error {
		switch {
		case f.id == 1:
			m.points = append(m.points, f.bytes)
			return f.want(bytesType)
		case f.id == 2 && to.Type == pmetric.MetricTypeSum:
			return f.int32(&to.Temporality)
		case f.id == 3 && to.Type == pmetric.MetricTypeSum:
			to.Monotonic = f.number != 0
			return f.want(varint)
		}
		return nil
	})
	to.points = m.points[from:len(m.points):len(m.points)]
	to.Points = len(to.points)
	return err
}

// Newest is the newest of the last points of a resource's metrics.
func (m *Metrics) Newest(resource int) pcommon.Timestamp {
	newest := pcommon.Timestamp(0)
	r, ok := m.From[resource].(*metrics)
	if !ok {
		for _, sm := range m.Head.ResourceMetrics().At(resource).ScopeMetrics().All() {
			for _, one := range sm.Metrics().All() {
				newest = max(newest, otlpitem.LastPoint(one))
			}
		}
		return newest
	}
	from, behind := r.bounds()
	for i := from; i < behind; i++ {
		switch one := &m.read[i]; {
		case one.isWhole:
			newest = max(newest, otlpitem.LastPoint(one.whole))
		case len(one.points) > 0:
			newest = max(newest, pcommon.Timestamp(timeOf(one.points[len(one.points)-1], 3)))
		}
	}
	return newest
}

type metrics struct {
	place
	head pmetric.ResourceMetrics
	of   *Metrics
}

func (s *metrics) Head() pmetric.ResourceMetrics { return s.head }

func (s *metrics) Read(scope, i int, into *otlpitem.Metric) error {
	*into = s.of.read[s.index(scope, i)].Metric
	return nil
}

func (s *metrics) Point(scope, i, point int, into *otlpitem.Point) error {
	one := &s.of.read[s.index(scope, i)]
	if one.isWhole {
		into.Set(otlpitem.NumbersOf(one.whole).At(point))
		return nil
	}
	return malformed(s.readPoint(one.points[point], into))
}

func (s *metrics) WholePoint(scope, i, point int) (pmetric.NumberDataPoint, error) {
	one := &s.of.read[s.index(scope, i)]
	if one.isWhole {
		return otlpitem.NumbersOf(one.whole).At(point), nil
	}
	p, err := s.wholePoint(one.points[point])
	return p, malformed(err)
}

func (s *metrics) Whole(scope, i int) (pmetric.Metric, error) {
	at := s.index(scope, i)
	if one := &s.of.read[at]; one.isWhole {
		return one.whole, nil
	}
	m, err := s.wholeMetric(s.items[at])
	return m, malformed(err)
}
