package chhttp_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// packed is a text in each encoding that a request may have.
func packed(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{"": text, "identity": text}
	for name, open := range map[string]func(w io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			require.NoError(t, err)
			return z
		},
	} {
		var b bytes.Buffer
		w := open(&b)
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		out[name] = b.String()
	}
	return out
}

func TestStatementsComeInEachEncoding(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for name, body := range packed(t, "SELECT 'as it was'") {
		require.Equal(t, "as it was\n", c.ok("", body, "Content-Encoding", name).body, name)
	}
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	require.NoError(t, w.Compress([]byte("SELECT 'in a block'")))
	require.Equal(t, "in a block\n", c.ok(q("decompress", "1"), string(w.Data)).body)
	require.Equal(t, "in a block\n", c.ok(q("decompress", "1"), packed(t, string(w.Data))["gzip"], "Content-Encoding", "gzip").body, "both")
}

// A body that ends before its time is no statement, even where what came of it would be one.
func TestTornBodiesAreRefused(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	sql := "SELECT 1 -- " + strings.Repeat("so that there is something to tear ", 20)
	for name, body := range packed(t, sql) {
		if name == "" || name == "identity" {
			continue
		}
		c.fails(36, http.StatusBadRequest, "", body[:len(body)-1], "Content-Encoding", name)
		c.fails(36, http.StatusBadRequest, "", body[:len(body)/2], "Content-Encoding", name)
		c.fails(36, http.StatusBadRequest, q("query", "SELECT 1 +"), body[:len(body)/2], "Content-Encoding", name)
		c.fails(36, http.StatusBadRequest, "", "plain text", "Content-Encoding", name)
	}
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	require.NoError(t, w.Compress([]byte(sql)))
	for _, cut := range []int{1, 16, 20, len(w.Data) - 1} {
		c.fails(36, http.StatusBadRequest, q("decompress", "1"), string(w.Data[:cut]))
	}
	flipped := bytes.Clone(w.Data)
	flipped[len(flipped)-1] ^= 1
	c.fails(36, http.StatusBadRequest, q("decompress", "1"), string(flipped))
	require.Equal(t, "1\n", c.ok("", "SELECT 1").body)
}

// A client that dies while it sends has sent no statement: what is there may say something else than the whole would have.
func TestClientThatEndsInTheMiddleHasSaidNothing(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	c.ok("", "CREATE OR REPLACE TABLE torn (n UInt64) ENGINE = MergeTree ORDER BY n")
	t.Cleanup(func() {
		require.NoError(t, enginetest.Engine(t).Conn().Exec(context.Background(), "DROP TABLE torn SYNC"))
	})
	for _, body := range []string{"INSERT INTO torn SELECT number FROM numbers(3)", "INSERT INTO torn FORMAT TSV\n1\n2\n", "INSERT INTO torn VALUES (1)"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.base, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", len(body)+20, body)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, body)
		require.Equal(t, "36", res.Header.Get("X-ClickHouse-Exception-Code"))
		require.NoError(t, res.Body.Close())
		require.NoError(t, conn.Close())
	}
	require.Equal(t, "0\n", c.ok("", "SELECT count() FROM torn").body)
}

// What a small request unpacks to is bounded as one that wasn't packed.
func TestBombsAreNoStatements(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for name, body := range packed(t, "SELECT 1"+strings.Repeat(" ", 20<<20)) {
		if name != "" && name != "identity" {
			require.Less(t, len(body), 1<<20)
			c.fails(223, http.StatusRequestEntityTooLarge, "", body, "Content-Encoding", name)
			c.fails(223, http.StatusRequestEntityTooLarge, q("query", "SELECT 1"), body, "Content-Encoding", name)
		}
	}
}

func TestFormatsHaveTheirContentType(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for format, want := range map[string]string{
		"Native": "application/octet-stream", "RowBinary": "application/octet-stream", "RowBinaryWithNamesAndTypes": "application/octet-stream",
		"JSON": "application/json; charset=UTF-8", "JSONCompact": "application/json; charset=UTF-8",
		"JSONEachRow": "application/x-ndjson; charset=UTF-8", "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
		"CSV": "text/csv; charset=UTF-8; header=absent", "TSV": "text/tab-separated-values; charset=UTF-8",
		"TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8", "Pretty": "text/plain; charset=UTF-8", "Values": "text/plain; charset=UTF-8",
	} {
		for _, sql := range []string{"SELECT 1 AS x", "SELECT 1 AS x WHERE 0"} {
			a := c.ok(q("default_format", format), sql)
			require.Equal(t, want, a.header.Get("Content-Type"), "%s: %s", format, sql)
			require.Equal(t, format, c.ok("", "SELECT 1 FORMAT "+format).header.Get("X-ClickHouse-Format"))
		}
	}
	c.fails(73, http.StatusNotFound, q("default_format", "NoSuch"), "SELECT 1")
}

func TestEncodingIsTheClientsChoice(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for accept, want := range map[string]string{
		"": "", "br": "", "gzip": "gzip", "GZIP": "gzip", "gzip, zstd": "zstd", "gzip;q=0.1": "gzip", "gzip;q=0": "", "gzip; q=0, deflate": "deflate",
		"zstd;q=0, gzip": "gzip", " deflate ": "deflate", "gzipped": "",
	} {
		header := []string{"Accept-Encoding", accept}
		require.Equal(t, want, c.ok(q("enable_http_compression", "1"), "SELECT 1", header...).header.Get("Content-Encoding"), accept)
		require.Empty(t, c.ok(q("enable_http_compression", "0"), "SELECT 1", header...).header.Get("Content-Encoding"))
	}
	a := c.do(http.MethodPost, q("enable_http_compression", "1"), strings.NewReader("SELEC 1"), "Accept-Encoding", "gzip")
	require.Empty(t, a.header.Get("Content-Encoding"), "an error is plain text")
	require.Contains(t, a.body, "Code: 62.")
}

// The exception that ends an answer comes in the encoding of the answer, which it also ends.
func TestExceptionInAnEncodedAnswer(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	a := c.ok(q("enable_http_compression", "1"), "SELECT number, throwIf(number = 300000, 'too far') FROM numbers(1000000)", "Accept-Encoding", "gzip")
	r, err := gzip.NewReader(strings.NewReader(a.body))
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err, "the encoding is whole")
	tag := a.header.Get("X-ClickHouse-Exception-Tag")
	require.Contains(t, string(text), "\r\n__exception__\r\n"+tag+"\r\nCode: 395. ")
	require.True(t, strings.HasPrefix(string(text), "0\t0\n1\t0\n"), "with the rows before it")
}

func TestParametersOfTheURL(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	require.Equal(t, "2\n", c.ok("max_threads=1&max_threads=2", "SELECT getSetting('max_threads')").body, "the last one counts")
	require.Equal(t, "x\n", c.ok(q("param_a", "x", "stacktrace", "1", "buffer_size", "9", "quota_key", "k", "log_comment", "c"), "SELECT {a:String}").body)
	require.Equal(t, "[1,2]\n", c.ok(q("param_a", "[1,2]"), "SELECT {a:Array(UInt8)}").body)
	require.Equal(t, "\\N\n", c.ok(q("param_a", `\N`), "SELECT {a:Nullable(String)}").body)
	c.fails(456, http.StatusBadRequest, "", "SELECT {missing:String}")
	for _, timeout := range []string{"0", "-1", "3601", "1.5", "x", "99999999999999999999"} {
		c.fails(374, http.StatusBadRequest, q("session_id", "t", "session_timeout", timeout), "SELECT 1")
	}
	for _, name := range []string{"a b", "1a", "a-b", "a;b", "ä", "a'"} {
		c.fails(36, http.StatusBadRequest, q(name, "1"), "SELECT 1")
	}
}

func TestReadingMethodsChangeNothing(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for _, sql := range []string{
		"CREATE TABLE made (x UInt8) ENGINE = Memory", "INSERT INTO logs_v1 (service_name) VALUES ('x')", "TRUNCATE TABLE logs_v1", "ALTER TABLE logs_v1 DELETE WHERE 1",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := c.do(method, q("query", sql), nil)
			require.Equal(t, "164", a.header.Get("X-ClickHouse-Exception-Code"), "%s %s", method, sql)
		}
	}
	a := c.do(http.MethodHead, q("query", "SELECT 1"), nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.body)
	require.Equal(t, "0\n", c.ok("", "SELECT count() FROM system.tables WHERE name = 'made'").body)
	require.Equal(t, "1\n", c.do(http.MethodPut, q("query", "SELECT 1"), nil).body)
	for _, method := range []string{http.MethodDelete, http.MethodPatch, "PURGE"} {
		require.Equal(t, http.StatusNotImplemented, c.do(method, q("query", "SELECT 1"), nil).status, method)
	}
}

// form makes a multipart body of a statement and files.
func form(t *testing.T, sql string, files map[string]string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if sql != "" {
		require.NoError(t, w.WriteField("query", sql))
	}
	for name, text := range files {
		part, err := w.CreateFormFile(name, name)
		require.NoError(t, err)
		_, err = io.WriteString(part, text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestTablesThatComeWithAStatement(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	types := make([]string, 12)
	values := make([]string, 12)
	for i := range types {
		types[i], values[i] = "UInt8", fmt.Sprint(i+1)
	}
	for _, tc := range []struct {
		name, query, sql, want string
		files                  map[string]string
	}{
		{"structure", q("t_structure", "n UInt64, s String"), "SELECT s FROM t ORDER BY n DESC", "b\na\n", map[string]string{"t": "1\ta\n2\tb\n"}},
		{"format", q("t_structure", "n UInt64", "t_format", "CSV"), "SELECT sum(n) FROM t", "3\n", map[string]string{"t": "1\n2\n"}},
		{"two", q("a_types", "UInt8", "b_types", "UInt8"), "SELECT a._1 + b._1 FROM a, b", "3\n", map[string]string{"a": "1\n", "b": "2\n"}},
		{"statement in the URL", q("t_types", "String", "query", "SELECT _1 FROM t"), "", "x\n", map[string]string{"t": "x\n"}},
		{"many columns", q("t_types", strings.Join(types, ",")), "SELECT _1, _9, _10, _12 FROM t", "1\t9\t10\t12\n", map[string]string{"t": strings.Join(values, "\t") + "\n"}},
		{"a name to quote", q("a`b_types", "UInt8"), "SELECT count() FROM `a``b`", "1\n", map[string]string{"a`b": "1\n"}},
		{"empty", q("t_types", "UInt8"), "SELECT count() FROM t", "0\n", map[string]string{"t": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &client{t: t, base: c.base, http: c.http}
			body, contentType := form(t, tc.sql, tc.files)
			for range 2 { // the table of a request is gone after it
				require.Equal(t, tc.want, c.ok(tc.query, body, "Content-Type", contentType).body)
			}
		})
	}
	body, contentType := form(t, "", map[string]string{"t": "1\n"})
	c.fails(62, http.StatusBadRequest, q("t_types", "UInt8"), body, "Content-Type", contentType)
	body, contentType = form(t, "SELECT 1", map[string]string{"t": "no number\n"})
	c.fails(27, http.StatusBadRequest, q("t_types", "UInt8"), body, "Content-Type", contentType)
	c.fails(50, http.StatusNotFound, q("t_types", "NoSuch"), body, "Content-Type", contentType)
	c.fails(36, http.StatusBadRequest, "", body[:len(body)-10], "Content-Type", contentType)
	c.fails(60, http.StatusNotFound, "", "SELECT * FROM t")
}

func TestPathsAndGreetings(t *testing.T) {
	c := newClient(t, enginetest.Engine(t).Handler())
	for path, want := range map[string]int{"/": 200, "/ping": 200, "/replicas_status": 200, "/play": 404, "/ping/": 404, "//": 404, "/dashboard": 404} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, nil)
		require.NoError(t, err)
		res, err := c.http.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, path)
		require.Equal(t, want == 200, string(body) == "Ok.\n", path)
	}
}
