package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// IngestedAt is the column that has one value in all rows of a segment: different ones would cost bytes in every row.
const IngestedAt = "ingested_at"

// Set gathers the records of one queue segment. It is used by one goroutine.
type Set struct {
	openedAt time.Time
	blocks   []setBlock
	raw      []byte
	// derivers is nil once they have run, failure is what went wrong with them.
	derivers []Deriver
	failure  error
	// keep has, while a deriver runs, the number of rows of each table that were there before it and still are.
	keep []int
}

// setBlock holds a table's columns by their place in the table; those that no record named are nil. spare are columns
// of earlier segments whose memory is there to be used.
type setBlock struct {
	cols, spare []column.Column
	rows        int
}

// Insert is one table's rows as one INSERT.
type Insert struct {
	Table   string
	Columns []string
	Rows    int

	named []column.Named
	order []uint32
}

// Deriver adds rows to a set that are computed from the gathered ones.
type Deriver struct {
	// Name says what the rows are.
	Name string
	Run  func() error
}

// NewSet makes the set of a segment that was opened at the given time, which becomes the rows' ingested_at. derivers add
// rows that are computed from the gathered ones; they must give the same rows for the same columns, so that a replayed
// segment is the same INSERT. One that fails gives no rows and stops nobody: see Failure.
func NewSet(openedAt time.Time, derivers []Deriver) *Set {
	s := sets.Get().(*Set)
	s.openedAt, s.derivers, s.failure = openedAt, derivers, nil
	return s
}

// sets keeps the memory of gathered segments, as long as the collector lets it.
var sets = sync.Pool{New: func() any { return &Set{blocks: make([]setBlock, len(table.All()))} }}

// Release gives the set's memory to the next one; neither the set nor its inserts may be used afterwards. It need not be
// called.
func (s *Set) Release() {
	for i := range s.blocks {
		b := &s.blocks[i]
		for place, c := range b.cols {
			if c != nil {
				c.Reset()
				b.spare[place], b.cols[place] = c, nil
			}
		}
		b.rows = 0
	}
	s.derivers = nil
	sets.Put(s)
}

// Add reads one record. After an error the set is as it was before.
func (s *Set) Add(record []byte) error {
	raw, err := unpack(s.raw, record)
	if err != nil {
		return err
	}
	s.raw = raw
	before := make([]int, len(s.blocks))
	for i := range s.blocks {
		before[i] = s.blocks[i].rows
	}
	if err := s.addTables(raw); err != nil {
		for i := range s.blocks {
			s.blocks[i].truncate(before[i])
		}
		return err
	}
	return nil
}

func (s *Set) addTables(raw []byte) error {
	for len(raw) > 0 {
		name, block, rest, err := cutTable(raw)
		if err != nil {
			return err
		}
		raw = rest
		t, ok := table.Of(name)
		if !ok {
			return fmt.Errorf("record has rows of table %q, which this build doesn't know", name)
		}
		if err := s.blocks[t.Index].add(t, block); err != nil {
			return fmt.Errorf("read rows of %s: %w", t.Name, err)
		}
	}
	return nil
}

// column gives the column at a place of the table, made with defaults for the rows before it on first use.
func (b *setBlock) column(t *table.Table, place int) column.Column {
	if b.cols == nil {
		b.cols, b.spare = make([]column.Column, len(t.Columns)), make([]column.Column, len(t.Columns))
	}
	if b.cols[place] == nil {
		b.cols[place], b.spare[place] = b.spare[place], nil
		if b.cols[place] == nil {
			b.cols[place] = column.MustNew(t.Columns[place].Type)
		}
		fillDefault(b.cols[place], t.Columns[place].Default, b.rows)
	}
	return b.cols[place]
}

func (b *setBlock) add(t *table.Table, raw []byte) error {
	reader := column.NewReader(raw)
	rows, err := column.ReadBlock(reader, func(name, typ string) (column.Column, error) {
		place := slices.IndexFunc(t.Columns, func(c table.Column) bool { return c.Name == name })
		if place < 0 {
			return nil, fmt.Errorf("column %q is not in the table", name)
		}
		col := b.column(t, place)
		if typ != col.Type() && !sameKind(typ, col) {
			return nil, fmt.Errorf("column %q is %s in the record, %s in the table", name, typ, col.Type())
		}
		if col.Rows() != b.rows {
			return nil, fmt.Errorf("column %q comes twice", name)
		}
		return col, nil
	})
	if err != nil {
		return err
	}
	if !reader.Done() {
		return fmt.Errorf("%w: bytes after the last column", errRecord)
	}
	before := b.rows
	b.rows += rows
	for place, col := range b.cols {
		if col == nil {
			continue
		}
		if col.Rows() == before {
			fillDefault(col, t.Columns[place].Default, rows)
		}
		if col.Rows() != b.rows {
			return fmt.Errorf("column %q has %d rows of %d", t.Columns[place].Name, col.Rows()-before, rows)
		}
	}
	return nil
}

// sameKind lets a record through whose enumeration has other names for its numbers than today's.
func sameKind(typ string, col column.Column) bool {
	const enum = "Enum8("
	return strings.HasPrefix(typ, enum) && strings.HasPrefix(col.Type(), enum)
}

// fillDefault appends rows of a column's default, as the engine would for a column that is left out.
func fillDefault(c column.Column, def string, n int) {
	v, err := strconv.ParseFloat(def, 64)
	if err != nil || v == 0 {
		c.AppendDefault(n)
		return
	}
	switch c := c.(type) {
	case *column.Num[uint16]:
		c.AppendN(uint16(v), n)
	case *column.Num[float32]:
		c.AppendN(float32(v), n)
	default:
		panic(fmt.Sprintf("segment: no default %q for %s", def, c.Type()))
	}
}

func (b *setBlock) truncate(rows int) {
	for _, c := range b.cols {
		if c != nil {
			c.Truncate(rows)
		}
	}
	b.rows = rows
}

// Column gives a gathered column, nil where no record had it.
func (s *Set) Column(t *table.Table, name string) column.Column {
	b := &s.blocks[t.Index]
	place := slices.IndexFunc(t.Columns, func(c table.Column) bool { return c.Name == name })
	if b.rows == 0 || place < 0 {
		return nil
	}
	return b.cols[place]
}

// Rows is the number of gathered rows of a table.
func (s *Set) Rows(t *table.Table) int { return s.blocks[t.Index].rows }

// Append adds rows that were computed.
func (s *Set) Append(t *table.Table, cols []column.Named) error {
	if column.Rows(cols) == 0 {
		return nil
	}
	return s.blocks[t.Index].add(t, column.AppendBlock(nil, cols))
}

// Clear drops the gathered rows of a table.
func (s *Set) Clear(t *table.Table) {
	s.blocks[t.Index].truncate(0)
	if s.keep != nil {
		s.keep[t.Index] = 0
	}
}

// Failure tells, after Each, which computed rows are missing and why; nil where none is.
func (s *Set) Failure() error { return s.failure }

// derive runs a deriver. If it fails, or panics, the rows that it added are taken back.
func (s *Set) derive(run func() error) (err error) {
	s.keep = make([]int, len(s.blocks))
	for i := range s.blocks {
		s.keep[i] = s.blocks[i].rows
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
		if err != nil {
			for i := range s.blocks {
				s.blocks[i].truncate(s.keep[i])
			}
		}
		s.keep = nil
	}()
	return run()
}

// Each calls visit with the INSERT of each table that has rows, in the tables' order, and stops at the first error.
// It may be called again.
func (s *Set) Each(visit func(Insert) error) error {
	derivers := s.derivers
	s.derivers = nil
	for _, d := range derivers {
		if err := s.derive(d.Run); err != nil {
			s.failure = errors.Join(s.failure, fmt.Errorf("derive the %s of a segment: %w", d.Name, err))
		}
	}
	for i, t := range table.All() {
		if s.blocks[i].rows == 0 {
			continue
		}
		ins, err := s.insert(t, &s.blocks[i])
		if err != nil {
			return err
		}
		if err := visit(ins); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) insert(t *table.Table, b *setBlock) (Insert, error) {
	ins := Insert{Table: t.Name, Rows: b.rows}
	byName := make(map[string]column.Column, len(b.cols))
	for place, col := range b.cols {
		name := t.Columns[place].Name
		if name == IngestedAt {
			at := column.NewNum[int64](t.Columns[place].Type)
			at.AppendN(s.openedAt.UnixMilli(), b.rows)
			col = at
		}
		if col == nil {
			continue
		}
		byName[name] = col
		ins.Columns = append(ins.Columns, name)
		ins.named = append(ins.named, column.Named{Name: name, Column: col})
	}
	var keys []column.Column
	for _, name := range t.RowOrder {
		key, ok := byName[name]
		if !ok {
			return ins, fmt.Errorf("rows of %s have no column %q, which the table is sorted by", t.Name, name)
		}
		keys = append(keys, key)
	}
	ins.order = column.SortOrder(keys, b.rows)
	return ins, nil
}

// WriteTo writes the rows as one Native block, sorted by the table's key.
func (i Insert) WriteTo(w io.Writer) (int64, error) {
	c := &countingWriter{w: w}
	err := column.WriteSorted(c, i.named, i.order)
	return c.n, err
}

var _ io.WriterTo = Insert{}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
