package promapi

import (
	"fmt"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/jsonutil"
)

// encode writes a result as Prometheus does: numbers are strings, tiny and huge ones with an exponent, which the JSON of
// the promql types has not.
func encode(v parser.Value) ([]byte, error) {
	s := jsoniter.NewStream(jsoniter.ConfigCompatibleWithStandardLibrary, nil, 4096)
	s.WriteRaw(`{"resultType":"` + string(v.Type()) + `","result":`)
	switch x := v.(type) {
	case promql.Vector:
		list(s, len(x), func(i int) { writeSample(s, &x[i]) })
	case promql.Matrix:
		list(s, len(x), func(i int) { writeSeries(s, &x[i]) })
	case promql.Scalar:
		writePoint(s, x.T, x.V)
	case promql.String:
		s.WriteRaw("[")
		jsonutil.MarshalTimestamp(x.T, s)
		s.WriteRaw(",")
		s.WriteVal(x.V)
		s.WriteRaw("]")
	default:
		return nil, fmt.Errorf("a result of type %T has no JSON form", v)
	}
	s.WriteRaw("}")
	return s.Buffer(), s.Error
}

func list(s *jsoniter.Stream, n int, write func(i int)) {
	s.WriteRaw("[")
	for i := range n {
		if i > 0 {
			s.WriteRaw(",")
		}
		write(i)
	}
	s.WriteRaw("]")
}

func writeMetric(s *jsoniter.Stream, l labels.Labels) {
	s.WriteRaw(`{"metric":{`)
	first := true
	l.Range(func(l labels.Label) {
		if !first {
			s.WriteRaw(",")
		}
		first = false
		s.WriteString(l.Name)
		s.WriteRaw(":")
		s.WriteVal(l.Value)
	})
	s.WriteRaw("}")
}

func writeSample(s *jsoniter.Stream, x *promql.Sample) {
	writeMetric(s, x.Metric)
	if x.H != nil {
		s.WriteRaw(`,"histogram":`)
		writeHistogram(s, x.T, x.H)
	} else {
		s.WriteRaw(`,"value":`)
		writePoint(s, x.T, x.F)
	}
	s.WriteRaw("}")
}

func writeSeries(s *jsoniter.Stream, x *promql.Series) {
	writeMetric(s, x.Metric)
	if len(x.Floats) > 0 {
		s.WriteRaw(`,"values":`)
		list(s, len(x.Floats), func(i int) { writePoint(s, x.Floats[i].T, x.Floats[i].F) })
	}
	if len(x.Histograms) > 0 {
		s.WriteRaw(`,"histograms":`)
		list(s, len(x.Histograms), func(i int) { writeHistogram(s, x.Histograms[i].T, x.Histograms[i].H) })
	}
	s.WriteRaw("}")
}

func writePoint(s *jsoniter.Stream, t int64, v float64) {
	s.WriteRaw("[")
	jsonutil.MarshalTimestamp(t, s)
	s.WriteRaw(",")
	jsonutil.MarshalFloat(v, s)
	s.WriteRaw("]")
}

func writeHistogram(s *jsoniter.Stream, t int64, h *histogram.FloatHistogram) {
	s.WriteRaw("[")
	jsonutil.MarshalTimestamp(t, s)
	s.WriteRaw(",")
	jsonutil.MarshalHistogram(h, s)
	s.WriteRaw("]")
}
