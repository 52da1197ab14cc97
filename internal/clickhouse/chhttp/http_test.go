package chhttp_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/chhttp"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// client asks a front over TCP without any driver.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

func newClient(t *testing.T, h http.Handler) *client {
	t.Helper()
	server := httptest.NewServer(h)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return &client{t: t, base: server.URL, http: &http.Client{Transport: transport}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (c *client) do(method, query string, body io.Reader, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+"/?"+query, body)
	require.NoError(c.t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	return answer{status: res.StatusCode, header: res.Header, body: string(text)}
}

// ok asks and wants a good answer.
func (c *client) ok(query, body string, header ...string) answer {
	c.t.Helper()
	a := c.do(http.MethodPost, query, strings.NewReader(body), header...)
	require.Equal(c.t, http.StatusOK, a.status, a.body)
	return a
}

// fails asks and wants an exception.
func (c *client) fails(code, status int, query, body string, header ...string) {
	c.t.Helper()
	a := c.do(http.MethodPost, query, strings.NewReader(body), header...)
	require.Equal(c.t, fmt.Sprint(code), a.header.Get("X-ClickHouse-Exception-Code"), a.body)
	require.Equal(c.t, status, a.status)
	require.Contains(c.t, a.body, fmt.Sprintf("Code: %d. DB::Exception: ", code))
}

func q(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

func TestHTTPStatements(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	ping, err := c.http.Get(c.base + "/ping")
	require.NoError(t, err)
	require.NoError(t, ping.Body.Close())
	require.Equal(t, http.StatusOK, ping.StatusCode)
	require.Equal(t, "Ok.\n", c.do(http.MethodGet, "", nil).body)
	missing, err := c.http.Get(c.base + "/nothing")
	require.NoError(t, err)
	require.NoError(t, missing.Body.Close())
	require.Equal(t, http.StatusNotFound, missing.StatusCode)

	a := c.do(http.MethodGet, q("query", "SELECT 1, currentDatabase()", "query_id", "my-id"), nil)
	require.Equal(t, "1\tsummit\n", a.body)
	require.Equal(t, "my-id", a.header.Get("X-ClickHouse-Query-Id"))
	require.Equal(t, "TabSeparated", a.header.Get("X-ClickHouse-Format"))
	require.Equal(t, "UTC", a.header.Get("X-ClickHouse-Timezone"))
	require.Equal(t, "text/tab-separated-values; charset=UTF-8", a.header.Get("Content-Type"))
	require.Equal(t, "default\n", c.ok(q("database", "default"), "SELECT currentDatabase()").body)
	require.Equal(t, "default\n", c.ok("", "SELECT currentDatabase()", "X-ClickHouse-Database", "default").body)
	require.Equal(t, "{\"x\":1}\n", c.ok(q("default_format", "JSONEachRow"), "SELECT 1 AS x").body)
	require.Equal(t, "1\n", c.ok("", "SELECT 1 FORMAT CSV", "X-ClickHouse-Format", "JSON").body)
	require.Equal(t, "3\n", c.ok(q("query", "SELECT 1 +"), "2").body, "a statement may begin in the URL and go on in the body")
	require.Equal(t, "a\\tb\n", c.ok(q("param_v", `a\tb`), "SELECT {v:String}").body, "values are escaped text")
	require.Equal(t, "4321\n", c.ok(q("max_block_size", "4321"), "SELECT getSetting('max_block_size')").body)
	require.Contains(t, c.ok("", "EXPLAIN AST SELECT 1").body, "SelectWithUnionQuery", "what can't be streamed is answered whole")
	require.Contains(t, c.ok("", "SHOW TABLES").body, "events_trace_v1")
	require.Equal(t, "100000\n", c.ok(q("wait_end_of_query", "1"), "SELECT count() FROM numbers(100000)").body)
	require.Empty(t, c.ok("", "SELECT 1 WHERE 0").body)
}

func TestHTTPInserts(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	c.ok("", "CREATE OR REPLACE TABLE ins (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	t.Cleanup(func() {
		c2 := enginetest.Engine(t).Conn()
		require.NoError(t, c2.Exec(context.Background(), "DROP TABLE ins SYNC"))
	})
	rows := func() string { return c.ok("", "SELECT count(), sum(n), max(s) FROM ins").body }
	gz, deflated, zst := &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	zw, err := zstd.NewWriter(zst)
	require.NoError(t, err)
	for _, w := range []io.WriteCloser{gzip.NewWriter(gz), zlib.NewWriter(deflated), zw} {
		_, err := io.WriteString(w, "1\ta\n2\tb\n")
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	var frames bytes.Buffer
	for _, method := range []compress.Method{compress.LZ4, compress.ZSTD, compress.None} {
		w := compress.NewWriter(compress.LevelZero, method)
		text := map[compress.Method]string{compress.LZ4: "1\t", compress.ZSTD: "a\n2", compress.None: "\tb\n"}[method]
		require.NoError(t, w.Compress([]byte(text)))
		frames.Write(w.Data)
	}
	into := "INSERT INTO ins (n, s) FORMAT TSV"
	tests := []struct {
		name, query, body string
		header            []string
	}{
		{name: "statement in the URL", query: q("query", into), body: "1\ta\n2\tb\n"},
		{name: "statement in the body", body: into + "\n1\ta\n2\tb\n"},
		{name: "values", body: "INSERT INTO ins VALUES (1, 'a'), (2, 'b')"},
		{name: "values in the body", query: q("query", "INSERT INTO ins VALUES"), body: "(1, 'a'), (2, 'b')"},
		{name: "values with parameters", query: q("param_s", "b"), body: "INSERT INTO ins VALUES (1, 'a'), (2, {s:String})"},
		{name: "select", body: "INSERT INTO ins SELECT number + 1, if(number = 0, 'a', 'b') FROM numbers(2)"},
		{name: "begun in the URL", query: q("query", into+"\n1\ta\n"), body: "2\tb\n"},
		{name: "gzip", query: q("query", into), body: gz.String(), header: []string{"Content-Encoding", "gzip"}},
		{name: "deflate", query: q("query", into), body: deflated.String(), header: []string{"Content-Encoding", "deflate"}},
		{name: "zstd", query: q("query", into), body: zst.String(), header: []string{"Content-Encoding", "zstd"}},
		{name: "block compression", query: q("query", into, "decompress", "1"), body: frames.String()},
		{name: "semicolons are data", query: q("query", "INSERT INTO ins FORMAT TSV"), body: "1\t;\n2\tb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.ok("", "TRUNCATE TABLE ins")
			a := c.ok(tt.query, tt.body, tt.header...)
			require.Empty(t, a.body)
			require.Contains(t, a.header.Get("X-ClickHouse-Summary"), `"written_rows":"2"`)
			require.Equal(t, "2\t3\tb\n", rows())
		})
	}
	c.ok("", "TRUNCATE TABLE ins")
	large := strings.Repeat("7\tlong enough to fill more than one piece of the peek\n", 5000)
	c.ok("", into+"\n"+large)
	require.True(t, strings.HasPrefix(rows(), "5000\t35000\t"), rows())

	c.ok("", "TRUNCATE TABLE ins")
	c.fails(27, http.StatusBadRequest, q("query", into), "1\ta\nnot a number\tb\n")
	c.fails(36, http.StatusBadRequest, q("query", into), "not gzip", "Content-Encoding", "gzip")
	c.fails(89, http.StatusBadRequest, q("query", into), "x", "Content-Encoding", "br")
	a := c.do(http.MethodPost, q("query", into, "decompress", "1"), strings.NewReader(frames.String()[:frames.Len()-3]))
	require.NotEqual(t, http.StatusOK, a.status, "a torn frame is no end")
	broken := io.MultiReader(strings.NewReader("1\ta\n"), &brokenReader{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+"/?"+q("query", into), broken)
	require.NoError(t, err)
	res, err := c.http.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	require.Error(t, err)
	require.Equal(t, "0\t0\t\n", rows(), "broken inserts leave nothing")
}

type brokenReader struct{}

func (*brokenReader) Read([]byte) (int, error) { return 0, errors.New("the client broke") }

func TestHTTPErrors(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	c.fails(62, http.StatusBadRequest, "", "SELEC 1")
	c.fails(62, http.StatusBadRequest, "", "  ")
	c.fails(60, http.StatusNotFound, "", "SELECT * FROM nowhere")
	c.fails(81, http.StatusNotFound, q("database", "nowhere"), "SELECT 1")
	c.fails(115, http.StatusNotFound, q("no_such_setting", "1"), "SELECT 1")
	c.fails(36, http.StatusBadRequest, q("a; DROP TABLE x", "1"), "SELECT 1")
	c.fails(159, http.StatusRequestTimeout, q("max_execution_time", "0.2"), "SELECT count() FROM numbers(1000000000000)")
	c.fails(241, http.StatusInternalServerError, q("max_memory_usage", "1000000"), "SELECT groupArray(number) FROM numbers(10000000)")
	c.fails(223, http.StatusRequestEntityTooLarge, "", "SELECT '"+strings.Repeat("x", 17<<20)+"'")
	require.Equal(t, "164", c.do(http.MethodGet, q("query", "DROP TABLE logs_v1"), nil).header.Get("X-ClickHouse-Exception-Code"))
	require.Equal(t, "48", c.do(http.MethodDelete, q("query", "SELECT 1"), nil).header.Get("X-ClickHouse-Exception-Code"))
	require.Equal(t, "1\n", c.ok("", "SELECT 1").body)

	a := c.ok("", "SELECT number, throwIf(number = 300000, 'too far') FROM numbers(1000000)")
	tag := a.header.Get("X-ClickHouse-Exception-Tag")
	require.Len(t, tag, 16)
	require.Contains(t, a.body, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. ")
	require.True(t, strings.HasSuffix(a.body, " "+tag+"\r\n__exception__\r\n"))
}

func TestHTTPCompressedAnswers(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	const sql = "SELECT number FROM numbers(100000)"
	want := c.ok("", sql).body
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		a := c.ok(q("enable_http_compression", "1"), sql, "Accept-Encoding", encoding)
		require.Equal(t, encoding, a.header.Get("Content-Encoding"))
		require.Less(t, len(a.body), len(want))
		var r io.Reader
		var err error
		switch encoding {
		case "gzip":
			r, err = gzip.NewReader(strings.NewReader(a.body))
		case "deflate":
			r, err = zlib.NewReader(strings.NewReader(a.body))
		case "zstd":
			var z *zstd.Decoder
			z, err = zstd.NewReader(strings.NewReader(a.body), zstd.WithDecoderConcurrency(1))
			defer z.Close()
			r = z
		}
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.Empty(t, c.ok("", sql, "Accept-Encoding", "gzip").header.Get("Content-Encoding"), "only when it is asked for")
	a := c.ok(q("compress", "1"), sql)
	got, err := io.ReadAll(io.LimitReader(compress.NewReader(strings.NewReader(a.body)), int64(len(want))))
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestHTTPSessions(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	c.ok(q("session_id", "s1"), "CREATE TEMPORARY TABLE mine (x UInt8)")
	c.ok(q("session_id", "s1"), "INSERT INTO mine VALUES (7)")
	require.Equal(t, "7\n", c.ok(q("session_id", "s1", "session_check", "1"), "SELECT x FROM mine").body)
	c.fails(60, http.StatusNotFound, q("session_id", "s2"), "SELECT x FROM mine")
	c.fails(60, http.StatusNotFound, "", "SELECT x FROM mine")
	c.fails(372, http.StatusNotFound, q("session_id", "s3", "session_check", "1"), "SELECT 1")
	c.fails(374, http.StatusBadRequest, q("session_id", "s1", "session_timeout", "forever"), "SELECT 1")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/?"+q("session_id", "s1"), strings.NewReader("SELECT count() AS endless FROM numbers(1000000000000)"))
		if res, err := c.http.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	conn := enginetest.Engine(t).Conn()
	require.Eventually(t, func() bool { return processes(t, conn, "endless") == 1 }, 20*time.Second, 5*time.Millisecond)
	c.fails(373, http.StatusInternalServerError, q("session_id", "s1"), "SELECT 1")
	cancel()
	<-finished
	eventuallyNothingRuns(t, conn, "endless")

	// Sessions that expire make room for others.
	full := false
	for i := 0; i < 1000 && !full; i++ {
		a := c.do(http.MethodPost, q("session_id", fmt.Sprint("short", i), "session_timeout", "1"), strings.NewReader("SELECT 1"))
		full = a.header.Get("X-ClickHouse-Exception-Code") == "202"
	}
	require.True(t, full, "the number of sessions is bounded")
	require.Eventually(t, func() bool {
		return c.do(http.MethodPost, q("session_id", "late"), strings.NewReader("SELECT 1")).status == http.StatusOK
	}, 20*time.Second, 50*time.Millisecond)
}

func TestHTTPKillByQueryID(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	finished := make(chan answer, 1)
	go func() {
		finished <- c.do(http.MethodPost, q("query_id", "victim"), strings.NewReader("SELECT count() AS endless FROM numbers(1000000000000)"))
	}()
	conn := enginetest.Engine(t).Conn()
	require.Eventually(t, func() bool { return processes(t, conn, "endless") == 1 }, 20*time.Second, 5*time.Millisecond)
	c.fails(216, http.StatusInternalServerError, q("query_id", "victim"), "SELECT 1")
	require.Equal(t, "waiting\tvictim\n", c.ok("", "KILL QUERY WHERE query_id = 'victim' SYNC").body)
	a := <-finished
	require.Equal(t, "394", a.header.Get("X-ClickHouse-Exception-Code"), a.body)
	eventuallyNothingRuns(t, conn, "endless")
}

func TestHTTPExternalTables(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	require.NoError(t, w.WriteField("query", "SELECT sum(_1), {p:String} FROM ids"))
	require.NoError(t, w.WriteField("param_p", "v"))
	file, err := w.CreateFormFile("ids", "ids.tsv")
	require.NoError(t, err)
	_, err = io.WriteString(file, "1\n2\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, "3\tv\n", c.ok(q("ids_types", "UInt64"), body.String(), "Content-Type", w.FormDataContentType()).body)
	c.fails(36, http.StatusBadRequest, "", "x", "Content-Type", "multipart/form-data")
}

func TestHTTPRefusesWebPages(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	c.fails(497, http.StatusForbidden, "", "SELECT 1", "Origin", "https://evil.example")
	c.fails(497, http.StatusForbidden, "", "SELECT 1", "Host", "evil.example")
	c.fails(497, http.StatusForbidden, "", "SELECT 1", "Host", "evil.example:8641")
	c.ok("", "SELECT 1", "Host", "localhost:8641")
	for _, site := range []string{"cross-site", "same-site", "same-origin"} {
		c.fails(497, http.StatusForbidden, "", "SELECT 1", "Sec-Fetch-Site", site)
	}
	c.ok("", "SELECT 1", "Sec-Fetch-Site", "none") // typed into the address line
}

func TestAuthentication(t *testing.T) {
	require.NoError(t, enginetest.Close()) // one engine per process
	events := make(chan chhttp.QueryEvent, 100)
	e, err := embedded.Open(t.Context(), embedded.Config{
		Path: t.TempDir(), Library: enginetest.Library(t), User: "summit", Password: "s3cret", OnQuery: func(e chhttp.QueryEvent) { events <- e },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	c := newClient(t, e.Handler())
	c.fails(194, http.StatusUnauthorized, "", "SELECT 1")
	c.fails(516, http.StatusForbidden, "", "SELECT 1", "X-ClickHouse-User", "summit", "X-ClickHouse-Key", "wrong")
	c.fails(516, http.StatusForbidden, q("user", "other", "password", "s3cret"), "SELECT 1")
	c.ok("", "SELECT 1", "X-ClickHouse-User", "summit", "X-ClickHouse-Key", "s3cret", "Origin", "https://app.example")
	c.ok(q("user", "summit", "password", "s3cret"), "SELECT 1")
	require.NoError(t, e.Conn().Ping(t.Context()), "this process needs no password")

	for len(events) > 0 {
		<-events
	}
	c.fails(60, http.StatusNotFound, q("user", "summit", "password", "s3cret", "query_id", "told"), "SELECT * FROM nowhere")
	event := <-events
	require.Equal(t, "told", event.QueryID)
	require.Equal(t, "SELECT * FROM nowhere", event.SQL)
	var ex *chdb.Error
	require.ErrorAs(t, event.Err, &ex)
	require.Equal(t, 60, ex.Code)
	require.NotZero(t, event.Start)
}

func TestTransport(t *testing.T) {
	ask := func(ctx context.Context, h http.HandlerFunc, body io.Reader) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://in-process/?a=b", body)
		require.NoError(t, err)
		return (&http.Client{Transport: &chhttp.Transport{Handler: h}}).Do(req)
	}
	res, err := ask(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.URL.Query().Get("a"))
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "1")
		_, _ = w.Write(text)
	}, strings.NewReader("hello"))
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusTeapot, res.StatusCode)
	require.Equal(t, "hello", string(text))
	require.Equal(t, "b", res.Header.Get("X-Seen"))
	require.Empty(t, res.Header.Get("X-Late"), "what is set after the header isn't sent")

	ended := make(chan error, 1)
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte("more")); err != nil {
				ended <- err
				return
			}
		}
	}
	res, err = ask(t.Context(), endless, nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close(), "a body that isn't read to its end")
	require.Error(t, <-ended)

	ctx, cancel := context.WithCancel(t.Context())
	res, err = ask(ctx, endless, nil)
	require.NoError(t, err)
	cancel()
	require.Error(t, <-ended)
	_, err = io.ReadAll(res.Body)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, res.Body.Close())

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	stuck, writer := io.Pipe() // a body that never comes
	defer writer.Close()
	_, err = ask(ctx, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }, stuck)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	res, err = ask(t.Context(), func(http.ResponseWriter, *http.Request) { panic("broken") }, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
	_, err = io.ReadAll(res.Body)
	require.ErrorContains(t, err, "panicked: broken")
	require.NoError(t, res.Body.Close())
}
