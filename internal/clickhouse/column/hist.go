package column

// Hist is a column of Map(UInt8, UInt64): counts by bucket. Append pairs to Buckets and Counts, then call EndRow.
type Hist struct {
	Buckets *Num[uint8]
	Counts  *Num[uint64]
	ends    []uint64
}

// NewHist makes an empty column of histograms.
func NewHist() *Hist { return &Hist{Buckets: NewNum[uint8]("UInt8"), Counts: NewNum[uint64]("UInt64")} }

// EndRow closes the row: all pairs appended since the last call belong to it.
func (c *Hist) EndRow() { c.ends = append(c.ends, uint64(c.Buckets.Rows())) }

// Type implements Column.
func (c *Hist) Type() string { return "Map(UInt8, UInt64)" }

// Rows implements Column.
func (c *Hist) Rows() int { return len(c.ends) }

// Reset implements Column.
func (c *Hist) Reset() {
	c.Buckets.Reset()
	c.Counts.Reset()
	c.ends = c.ends[:0]
}

// Truncate implements Column. It drops pairs of a row that was not ended, too.
func (c *Hist) Truncate(rows int) {
	c.ends = c.ends[:min(rows, len(c.ends))]
	c.Buckets.Truncate(lastEnd(c.ends))
	c.Counts.Truncate(lastEnd(c.ends))
}

// AppendDefault implements Column.
func (c *Hist) AppendDefault(n int) {
	for range n {
		c.EndRow()
	}
}

// Gather implements Column.
func (c *Hist) Gather(src Column, rows []uint32) {
	from := src.(*Hist)
	for _, r := range rows {
		first := uint64(0)
		if r > 0 {
			first = from.ends[r-1]
		}
		for e := first; e < from.ends[r]; e++ {
			c.Buckets.Append(from.Buckets.Data[e])
			c.Counts.Append(from.Counts.Data[e])
		}
		c.EndRow()
	}
}

// Ordinals implements Column: histograms are no sort key in the schema.
func (c *Hist) Ordinals([]uint64) []uint64 { panic("column: a histogram can't be a sort key") }

func (c *Hist) appendPrefix(dst []byte) []byte { return dst }

func (c *Hist) appendData(dst []byte) []byte {
	dst = append(dst, asBytes(c.ends)...)
	return c.Counts.appendData(c.Buckets.appendData(dst))
}

func (c *Hist) writeRows(w *rowWriter, rows []uint32) {
	places := w.elements(c.ends, rows)
	c.Buckets.writeRows(w, places)
	c.Counts.writeRows(w, places)
	w.giveBack()
}

func (c *Hist) readPrefix(*Reader) error { return nil }

func (c *Hist) readData(r *Reader, n int) error {
	added, err := readEnds(r, n, c.Buckets.Rows(), &c.ends)
	if err != nil {
		return err
	}
	if err := c.Buckets.readData(r, added); err != nil {
		return err
	}
	return c.Counts.readData(r, added)
}
