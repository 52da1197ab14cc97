package clickhouseexporter

import (
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/writer"
)

// encoder turns a request into the rows of all tables that it gives.
type encoder interface {
	Traces(td ptrace.Traces) (batch, error)
	Logs(ld plog.Logs) (batch, error)
	Metrics(md pmetric.Metrics) (batch, error)
}

// batch is one encoded request. It is good until Release.
type batch interface {
	Rows() int
	RawBytes() int
	AppendRecord(dst []byte) []byte
	// Committed tells the encoder that the record is durable; Dropped tells what it left out or changed.
	Committed()
	Dropped() []writer.Drop
	Release()
}

// rowSet gathers the records of a segment and gives them back as one block per table.
type rowSet interface {
	Add(record []byte) error
	// SampleWindows are the starts of the five-minute windows that samples lie in, in unix seconds; asked before Each.
	SampleWindows() []int64
	Each(visit func(tableBlock) error) error
	// Failure tells, after Each, which rows that are computed from the segment are missing and why.
	Failure() error
	// Release gives the memory to the next set; neither the set nor its blocks may be used afterwards.
	Release()
}

// tableBlock is one sorted block of one table.
type tableBlock struct {
	table   string
	columns []string
	rows    int
	write   func(w io.Writer) error
}

// codec makes the two sides of the queue.
type codec struct {
	encoder encoder
	// newSet makes the set of a segment that was opened at that time, which becomes the rows' ingested_at.
	newSet func(openedAt time.Time) rowSet
}

// codecMaker makes the codec of one configuration.
type codecMaker func(cfg *Config) codec
