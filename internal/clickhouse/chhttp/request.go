package chhttp

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// request is what a client asks for.
type request struct {
	sql      string
	params   []chdb.Param
	settings map[string]string
	database string
	// format is the output format where the statement names none.
	format  string
	queryID string
	// revision is the Native revision that the client asks for, 0 where it asks for none.
	revision int

	sessionID      string
	sessionTimeout time.Duration
	sessionCheck   bool

	// insert is set where the statement is an INSERT that brings data.
	insert *insertStatement
	// data are the rows of the INSERT.
	data     io.Reader
	external []externalTable
	// kills is set where the statement ends others.
	kills    bool
	readOnly bool
	buffered bool
	closers  []func()
}

// purpose tells which of the pool's places the request may take.
func (r *request) purpose() chdb.Purpose {
	switch {
	case r.kills:
		return chdb.ForControl
	case r.insert != nil && r.data != nil:
		return chdb.ForInsert
	default:
		return chdb.ForStatement
	}
}

func (r *request) close() {
	for i := len(r.closers) - 1; i >= 0; i-- {
		r.closers[i]()
	}
}

// notSettings are the URL parameters that are no settings of the engine.
var notSettings = map[string]bool{
	"query": true, "database": true, "default_format": true, "compress": true, "decompress": true, "query_id": true,
	"session_id": true, "session_timeout": true, "session_check": true, "close_session": true, "user": true, "password": true,
	"quota_key": true, "stacktrace": true, "client_protocol_version": true, "buffer_size": true, "wait_end_of_query": true,
	"role": true, "enable_http_compression": true, "http_zlib_compression_level": true, "network_compression_method": true,
	"network_zstd_compression_level": true, "log_comment": true,
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// sqlPeek is how much of a body is read to find the INSERT that it begins with.
const sqlPeek = 64 << 10

func badRequest(text string) error { return newException(36, "BAD_ARGUMENTS", text) }

// parse reads everything but the rows of an INSERT.
func (s *Server) parse(r *http.Request) (*request, error) {
	query := r.URL.Query()
	req := &request{
		settings: map[string]string{}, database: query.Get("database"), queryID: query.Get("query_id"),
		format: query.Get("default_format"), readOnly: r.Method == http.MethodGet || r.Method == http.MethodHead,
		sessionID: query.Get("session_id"), sessionTimeout: s.options.SessionTimeout, sessionCheck: query.Get("session_check") == "1",
		buffered: query.Get("wait_end_of_query") == "1",
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, newException(48, "NOT_IMPLEMENTED", "method "+r.Method+" isn't supported")
	}
	s.parseHeaders(r, req)
	if err := req.parseURL(query); err != nil {
		return nil, err
	}
	if err := s.parseBody(r, query, req); err != nil {
		req.close()
		return nil, err
	}
	return req, nil
}

func (s *Server) parseHeaders(r *http.Request, req *request) {
	if req.database == "" {
		req.database = r.Header.Get("X-ClickHouse-Database")
	}
	if req.database == "" {
		req.database = s.options.Database
	}
	if req.format == "" {
		req.format = r.Header.Get("X-ClickHouse-Format")
	}
	if req.format == "" {
		req.format = "TabSeparated"
	}
}

// parseURL sorts the parameters of the URL into settings, values and the rest.
func (r *request) parseURL(query url.Values) error {
	for name, values := range query {
		value := values[len(values)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			r.params = append(r.params, chdb.Param{Name: name[len("param_"):], Value: value})
		case name == "client_protocol_version":
			r.revision, _ = strconv.Atoi(value)
		case name == "session_timeout":
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 1 || seconds > 3600 {
				return newException(374, "INVALID_SESSION_TIMEOUT", "session_timeout must be 1 to 3600 seconds, got "+value)
			}
			r.sessionTimeout = time.Duration(seconds) * time.Second
		case notSettings[name], externalParameter(query, name):
		case !settingName.MatchString(name):
			return badRequest("setting name " + strconv.Quote(name) + " has characters that no setting has")
		default:
			r.settings[name] = value
		}
	}
	return nil
}

// externalParameter tells x_format, x_structure and x_types, which describe the table x of a multipart body.
func externalParameter(query url.Values, name string) bool {
	for _, suffix := range []string{"_format", "_structure", "_types"} {
		table, ok := strings.CutSuffix(name, suffix)
		if ok && (query.Has(table+"_structure") || query.Has(table+"_types")) {
			return true
		}
	}
	return false
}

// parseBody finds the statement, in the URL, the body or both, and leaves the rows of an INSERT unread.
func (s *Server) parseBody(r *http.Request, query url.Values, req *request) error {
	body, err := req.decode(r, query.Get("decompress") == "1")
	if err != nil {
		return err
	}
	inURL := query.Get("query")
	if media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && media == "multipart/form-data" {
		return s.parseMultipart(body, params["boundary"], query, req)
	}
	if inURL != "" {
		req.sql = inURL
		req.insert = splitInsert(inURL)
		if req.insert != nil && req.insert.format != "" {
			req.data = io.MultiReader(strings.NewReader(req.insert.inline), body)
			return nil
		}
		return s.appendBody(body, req)
	}
	return s.statementFromBody(body, req)
}

// appendBody joins the rest of a statement that began in the URL, as a server does.
func (s *Server) appendBody(body io.Reader, req *request) error {
	rest, err := readLimited(body, s.options.MaxQueryBytes-int64(len(req.sql)))
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		req.sql += "\n" + string(rest)
	}
	req.insert = nil
	return nil
}

func (s *Server) statementFromBody(body io.Reader, req *request) error {
	// A reader that ends before its time says so by the error that io.ReadFull has for a short text, too.
	peek := min(sqlPeek, s.options.MaxQueryBytes)
	head, err := io.ReadAll(io.LimitReader(body, peek))
	if err != nil {
		return badRequest("read the body: " + err.Error())
	}
	if int64(len(head)) == peek {
		if ins := splitInsert(string(head)); ins != nil && ins.format != "" && len(req.params) == 0 {
			req.insert, req.sql = ins, ins.text
			req.data = io.MultiReader(strings.NewReader(ins.inline), body)
			return nil
		}
		rest, err := readLimited(body, s.options.MaxQueryBytes-peek)
		if err != nil {
			return err
		}
		head = append(head, rest...)
	}
	req.sql = string(head)
	if strings.TrimSpace(req.sql) == "" {
		return newException(62, "SYNTAX_ERROR", "the request has no statement")
	}
	// VALUES with its rows in the text goes to the engine's own parser, everything else is streamed.
	if ins := splitInsert(req.sql); ins != nil && ins.format != "" && ins.format != "Values" && len(req.params) == 0 {
		req.insert, req.data = ins, strings.NewReader(ins.inline)
		req.sql = ins.text
	}
	return nil
}

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max(limit, 0)+1))
	if err != nil {
		return nil, badRequest("read the body: " + err.Error())
	}
	if int64(len(data)) > limit {
		return nil, newException(223, "QUERY_IS_TOO_LARGE", "the text of the statement is too large")
	}
	return data, nil
}

// decode undoes the content encoding and, where asked, ClickHouse's own block compression.
func (r *request) decode(h *http.Request, blocks bool) (io.Reader, error) {
	if h.Body == nil {
		return bytes.NewReader(nil), nil
	}
	var body io.Reader = h.Body
	switch encoding := h.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, badRequest("body is not gzip: " + err.Error())
		}
		body = z
	case "deflate":
		z, err := zlib.NewReader(body)
		if err != nil {
			return nil, badRequest("body is not deflate: " + err.Error())
		}
		body = z
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, badRequest("body is not zstd: " + err.Error())
		}
		r.closers = append(r.closers, z.Close)
		body = z
	default:
		return nil, newException(89, "UNKNOWN_COMPRESSION_METHOD", "content encoding "+encoding+" isn't supported; allowed: gzip, deflate, zstd")
	}
	if blocks {
		body = &blockReader{r: compress.NewReader(body)}
	}
	return body, nil
}

// blockReader ends after the first error: ch-go's reader hands out its last block again when it is read after the end.
type blockReader struct {
	r   io.Reader
	err error
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	b.err = err
	return n, err
}
