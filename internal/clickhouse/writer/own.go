package writer

import (
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/quota"
	"github.com/summitobs/summit/internal/logpattern"
	"github.com/summitobs/summit/internal/metricid"
	"github.com/summitobs/summit/internal/otlpitem"
)

// encoderOwn is what an Encoder knows besides what it has stored: patterns per tenant, keys with many values.
type encoderOwn struct {
	patterns *quota.Quota
	learner  *catalog.Learner
}

func (o *encoderOwn) init() {
	o.patterns, o.learner = quota.New(maxPatterns), catalog.NewLearner()
}

// batchOwn is room for work on single rows.
type batchOwn struct {
	masker logpattern.Masker
	hasher metricid.Hasher
	text   []byte
	// span, record and point are filled again for every item.
	span   otlpitem.Span
	record otlpitem.Record
	point  otlpitem.Point
	// patterns counts the batch's patterns that no batch before it had.
	patterns map[quota.Key]int
}
