package chhttp

import (
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// compressFrame is how much one frame of a compressed answer holds.
const compressFrame = 1 << 20

// responder writes one answer: headers with the first bytes, the exception in the body once there are any.
type responder struct {
	w      http.ResponseWriter
	query  url.Values
	accept string
	// format is what the body is written in.
	format string

	started bool
	tag     string
	encoder io.WriteCloser
	frames  *compress.Writer
	// broken is the error of the client's side; nothing can be told any more.
	broken error
}

// write sends a piece of the answer on at once.
func (o *responder) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if err := o.start(); err != nil {
		return err
	}
	if err := o.send(data); err != nil {
		o.broken = err
		return fmt.Errorf("send the answer: %w", err)
	}
	if f, ok := o.w.(http.Flusher); ok && o.encoder == nil {
		f.Flush()
	}
	return nil
}

func (o *responder) start() error {
	if o.started {
		return nil
	}
	o.started = true
	o.tag = strings.ToLower(rand.Text()[:16])
	header := o.w.Header()
	header.Set("Content-Type", contentType(o.format))
	header.Set("X-ClickHouse-Format", o.format)
	header.Set("X-ClickHouse-Exception-Tag", o.tag)
	if o.query.Get("compress") == "1" {
		method := compress.LZ4
		if strings.EqualFold(o.query.Get("network_compression_method"), "ZSTD") {
			method = compress.ZSTD
		}
		o.frames = compress.NewWriter(compress.LevelZero, method)
	} else if o.query.Get("enable_http_compression") == "1" {
		if err := o.startEncoding(); err != nil {
			return err
		}
	}
	o.w.WriteHeader(http.StatusOK)
	return nil
}

// startEncoding picks the first content encoding of ours that the client takes.
func (o *responder) startEncoding() error {
	for _, name := range []string{"zstd", "gzip", "deflate"} {
		if !accepts(o.accept, name) {
			continue
		}
		switch name {
		case "zstd":
			z, err := zstd.NewWriter(o.w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return fmt.Errorf("start zstd: %w", err)
			}
			o.encoder = z
		case "gzip":
			o.encoder = gzip.NewWriter(o.w)
		case "deflate":
			o.encoder = zlib.NewWriter(o.w)
		}
		o.w.Header().Set("Content-Encoding", name)
		return nil
	}
	return nil
}

func accepts(header, encoding string) bool {
	for _, part := range strings.Split(header, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func (o *responder) send(data []byte) error {
	if o.frames == nil {
		var w io.Writer = o.w
		if o.encoder != nil {
			w = o.encoder
		}
		_, err := w.Write(data)
		return err
	}
	for len(data) > 0 {
		n := min(len(data), compressFrame)
		if err := o.frames.Compress(data[:n]); err != nil {
			return err
		}
		if _, err := o.w.Write(o.frames.Data); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// summary tells what a statement did, in the header that clients read it from.
func (o *responder) summary(s chdb.Stats) {
	o.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"0","result_bytes":"0"}`,
		s.RowsRead, s.BytesRead, s.RowsWritten, s.BytesWritten))
}

// finish ends a good answer.
func (o *responder) finish(stats chdb.Stats) error {
	if !o.started {
		header := o.w.Header()
		if header.Get("X-ClickHouse-Summary") == "" {
			o.summary(stats)
		}
		header.Set("Content-Type", contentType(o.format))
		header.Set("Content-Length", "0")
		o.w.WriteHeader(http.StatusOK)
		return nil
	}
	return o.endEncoding()
}

func (o *responder) endEncoding() error {
	if o.encoder == nil {
		return nil
	}
	if err := o.encoder.Close(); err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}

// fail tells the client an error: by status and header before the first byte, as a framed exception after it.
func (o *responder) fail(err error) {
	if o.broken != nil {
		return
	}
	var e *chdb.Error
	if !errors.As(err, &e) {
		e = newException(1002, "UNKNOWN_EXCEPTION", err.Error())
	}
	if o.started {
		text := strings.TrimSuffix(e.Message, "\n")
		frame := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, text, len(text)+1, o.tag)
		if o.frames != nil {
			// Not compressed: clickhouse-go looks for the text in the bytes as they come.
			o.frames = compress.NewWriter(compress.LevelZero, compress.None)
		}
		if o.send([]byte(frame)) == nil {
			_ = o.endEncoding() // the client is told in the frame already
		}
		return
	}
	o.started = true
	header := o.w.Header()
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	if e.Name != "" {
		header.Set("X-ClickHouse-Exception-Name", e.Name)
	}
	o.w.WriteHeader(statusOf(e.Code))
	_, _ = io.WriteString(o.w, e.Message+"\n") // a client that is gone can't be told
}

func contentType(format string) string {
	switch {
	case format == "Native" || strings.HasPrefix(format, "RowBinary") || format == "Parquet" || strings.HasPrefix(format, "Arrow"):
		return "application/octet-stream"
	case format == "JSONEachRow" || format == "JSONLines" || format == "NDJSON" || strings.HasPrefix(format, "JSONCompactEachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=absent"
	case strings.HasPrefix(format, "TabSeparated") || strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	default:
		return "text/plain; charset=UTF-8"
	}
}

// statusOf gives the HTTP status of an exception, as a server gives it for the codes that clients meet.
func statusOf(code int) int {
	switch code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 516, 497: // UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED, ACCESS_DENIED
		return http.StatusForbidden
	case 6, 7, 25, 26, 27, 36, 38, 41, 53, 62, 72, 89, 117, 130, 167, 168, 374, 456, 457: // parse and argument errors
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 81, 115, 372: // unknown function, name, type, storage, table, format, database, setting, session
		return http.StatusNotFound
	case 223: // QUERY_IS_TOO_LARGE
		return http.StatusRequestEntityTooLarge
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case 202, 439, 209: // TOO_MANY_SIMULTANEOUS_QUERIES, CANNOT_SCHEDULE_TASK, SOCKET_TIMEOUT
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
