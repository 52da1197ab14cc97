package clickhouseexporter

import (
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/writer"
)

// newCodec makes the codec of Summit's tables, package writer.
func newCodec(cfg *Config) codec {
	enc := writer.New(writer.Options{
		MaxValueBytes: cfg.Limits.MaxAttributeValueBytes, MaxFuture: cfg.Limits.MaxFuture, MaxPast: cfg.Limits.MaxPast,
		Retention: writer.Retention{
			Traces: uint16(cfg.Retention.TracesDays), Logs: uint16(cfg.Retention.LogsDays), Metrics: uint16(cfg.Retention.MetricsDays),
			Errors: uint16(cfg.Retention.ErrorsDays), Builds: uint16(cfg.Retention.BuildsDays),
		},
	})
	return codec{
		encoder: tableEncoder{enc},
		newSet:  func(openedAt time.Time) rowSet { return tableSet{writer.NewSet(openedAt)} },
	}
}

// tableEncoder fits writer.Encoder to this package's interface.
type tableEncoder struct{ enc *writer.Encoder }

func (e tableEncoder) Traces(td ptrace.Traces) (batch, error)    { return asBatch(e.enc.Traces(td)) }
func (e tableEncoder) Logs(ld plog.Logs) (batch, error)          { return asBatch(e.enc.Logs(ld)) }
func (e tableEncoder) Metrics(md pmetric.Metrics) (batch, error) { return asBatch(e.enc.Metrics(md)) }

// asBatch keeps a nil *writer.Batch from becoming a batch that is not nil.
func asBatch(b *writer.Batch, err error) (batch, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// tableSet fits writer.Set to this package's interface.
type tableSet struct{ set *writer.Set }

func (s tableSet) Add(record []byte) error { return s.set.Add(record) }

func (s tableSet) Failure() error { return s.set.Failure() }

func (s tableSet) Release() { s.set.Release() }

func (s tableSet) SampleWindows() []int64 { return s.set.SampleWindows() }

func (s tableSet) Each(visit func(tableBlock) error) error {
	return s.set.Each(func(ins writer.Insert) error {
		return visit(tableBlock{table: ins.Table, columns: ins.Columns, rows: ins.Rows, write: func(w io.Writer) error {
			_, err := ins.WriteTo(w)
			return err
		}})
	})
}
