// Package blockqueue is the durable queue between an acknowledged request and the store: a request's encoded rows are
// appended as one opaque record, fsynced (many appenders share one fsync), and only then is the sender answered. Records
// gather in segments; a sealed segment is handed to the consumer whole, again and again until it is taken, and its queue
// id and number are the deduplication token that makes a repeat a no-op. The package knows nothing of tables or rows
// beyond their number.
//
// One goroutine, the committer, owns the open segment; N drain workers own one sealed segment each. Nothing that was
// acknowledged is dropped: what cannot be read or taken is set aside under quarantine/ and reported.
package blockqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Errors of Append. Any other error means that the record's durability is unknown; it appears once or never.
var (
	// ErrFull says that the bound of undrained data is reached; a *FullError carries the delay after which to retry.
	ErrFull = errors.New("queue is full")
	// ErrTooLarge says that the record can never be taken.
	ErrTooLarge = errors.New("record is too large for the queue")
	// ErrClosed says that Close has begun.
	ErrClosed = errors.New("queue is closed")
	// ErrLocked says that another process has the folder open.
	ErrLocked = errors.New("queue folder is in use by another process")
)

// FullError is ErrFull with a suggestion of when there may be room.
type FullError struct {
	Bytes, MaxBytes int64
	RetryAfter      time.Duration
}

// Error implements error.
func (e *FullError) Error() string {
	return fmt.Sprintf("%v: %d of %d bytes wait for the store, retry in %s", ErrFull, e.Bytes, e.MaxBytes, e.RetryAfter)
}

// Is makes errors.Is(err, ErrFull) true.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// permanentError marks an error of Consume that a retry cannot cure.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks a consumer's error as one that no retry cures: the segment is set aside and the next one is taken.
func Permanent(err error) error { return &permanentError{err: err} }

// Record is what one request gives.
type Record struct {
	// Payload is opaque. Append does not keep it; in a Segment it is valid until Consume returns.
	Payload []byte
	// Rows and RawBytes are the record's share of a segment's limits; Class picks the limit of rows.
	Rows     int
	RawBytes int
	Class    uint8
}

// Options of a queue. Zero values take the defaults that are named.
type Options struct {
	// MaxBytes bounds the data on disk that the consumer has not taken. Default 4 GiB.
	MaxBytes int64
	// MaxRecordBytes and MaxRecordRows bound one record. Default 128 MiB and 1,000,000.
	MaxRecordBytes int
	MaxRecordRows  int
	// SealBytes and SealRawBytes are the sizes, as stored and uncompressed, at which a segment is sealed.
	// Default 64 MiB and 200 MB.
	SealBytes    int64
	SealRawBytes int64
	// SealRows is the number of rows at which a segment is sealed, per Record.Class. Default {500000}.
	SealRows []int
	// SealAfter is the age at which a segment is sealed when a consumer is free to take it. Default 700 ms.
	SealAfter time.Duration
	// SealAfterBusy is the age at which it is sealed although all consumers are busy. Default 5 s.
	SealAfterBusy time.Duration
	// Consumers is the number of segments that are handed over at the same time. Default 1: strictly in order.
	Consumers int
	// MaxQuarantineBytes bounds what is kept of data that was set aside; beyond it, it is deleted and reported as lost.
	// Default 1 GiB.
	MaxQuarantineBytes int64
	// RetryMin and RetryMax bound the pause between attempts of Consume. Default 100 ms and 30 s.
	RetryMin time.Duration
	RetryMax time.Duration
	// Meta is kept in the header of each segment that is opened and handed back with it.
	Meta []byte
	// Consume takes a segment; nil frees it. Errors are retried for ever unless marked by Permanent. Required.
	Consume func(ctx context.Context, seg *Segment) error
	// OnSetAside is told of data that was set aside. It must not block.
	OnSetAside func(SetAside)
	// Logger is where trouble is told. Default none.
	Logger *zap.Logger

	// openFile is replaced by tests that inject faults.
	openFile func(path string) (file, error)
}

func (o Options) withDefaults() (Options, error) {
	if o.Consume == nil {
		return o, errors.New("consume must be set")
	}
	setDefault(&o.MaxBytes, 4<<30)
	setDefault(&o.MaxRecordBytes, 128<<20)
	setDefault(&o.MaxRecordRows, 1_000_000)
	setDefault(&o.SealBytes, 64<<20)
	setDefault(&o.SealRawBytes, 200_000_000)
	setDefault(&o.SealAfter, 700*time.Millisecond)
	setDefault(&o.SealAfterBusy, max(5*time.Second, o.SealAfter))
	setDefault(&o.Consumers, 1)
	setDefault(&o.MaxQuarantineBytes, 1<<30)
	setDefault(&o.RetryMin, 100*time.Millisecond)
	setDefault(&o.RetryMax, max(30*time.Second, o.RetryMin))
	if len(o.SealRows) == 0 {
		o.SealRows = []int{500_000}
	}
	if o.OnSetAside == nil {
		o.OnSetAside = func(SetAside) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.openFile == nil {
		o.openFile = createFile
	}
	return o, o.validate()
}

func (o Options) validate() error {
	if o.MaxRecordBytes > 1<<30 {
		return fmt.Errorf("max record bytes must be at most 1 GiB, got %d", o.MaxRecordBytes)
	}
	if o.MaxBytes < 0 || o.SealBytes < 0 || o.SealRawBytes < 0 || o.Consumers < 0 || o.MaxQuarantineBytes < 0 {
		return errors.New("sizes and counts must not be negative")
	}
	for class, rows := range o.SealRows {
		if rows < 1 {
			return fmt.Errorf("seal rows of class %d must be at least 1, got %d", class, rows)
		}
	}
	if o.SealAfter < 0 || o.SealAfterBusy < o.SealAfter {
		return fmt.Errorf("seal after busy (%s) must be at least seal after (%s)", o.SealAfterBusy, o.SealAfter)
	}
	return nil
}

func setDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Stats is the state of a queue at one moment.
type Stats struct {
	// Bytes is what counts against MaxBytes; Segments the number of files, the open one included.
	Bytes, MaxBytes int64
	Segments        int
	// OldestAge is the age of the oldest segment that has not been taken, 0 when there is none.
	OldestAge time.Duration
	// Appended and Drained count records since Open; Syncs counts fsyncs of record data, so Appended/Syncs is the
	// number of records that share one.
	Appended, Drained, Syncs uint64
	// SetAside counts reports to OnSetAside since Open, QuarantineBytes is what lies in quarantine now.
	SetAside        uint64
	QuarantineBytes int64
	// TornBytes were cut at Open from the ends of segments: writes that a crash had interrupted and nobody was told of.
	TornBytes int64
}
