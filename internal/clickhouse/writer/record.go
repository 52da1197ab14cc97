package writer

import (
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// encoded gives the batch's tables one after the other, made once.
func (b *Batch) encoded() []byte {
	if len(b.raw) > 0 {
		return b.raw
	}
	for i, t := range table.All() {
		if bl := &b.blocks[i]; bl.rows() > 0 {
			b.raw = segment.AppendTable(b.raw, t, bl.named)
		}
	}
	return b.raw
}

// AppendRecord appends the batch as one record.
func (b *Batch) AppendRecord(dst []byte) []byte { return segment.AppendRecord(dst, b.encoded()) }
