package writer

import (
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/quota"
	"github.com/summitobs/summit/internal/logpattern"
	"github.com/summitobs/summit/internal/metricid"
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
	// patterns counts the batch's patterns that no batch before it had.
	patterns map[quota.Key]int
}
