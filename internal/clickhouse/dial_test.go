package clickhouse_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// dial reaches the process's engine over TCP, as another process would.
func dial(t *testing.T) *clickhouse.Remote {
	t.Helper()
	server := httptest.NewServer(enginetest.Engine(t).Handler())
	remote, err := clickhouse.Dial(t.Context(), server.URL, clickhouse.DialSettings{CreateDatabase: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, remote.Close())
		server.CloseClientConnections()
		server.Close()
	})
	return remote
}

func block(t *testing.T, reasons ...string) []byte {
	t.Helper()
	var col proto.ColStr
	var at proto.ColDateTime64
	at.WithPrecision(proto.PrecisionMilli)
	for _, r := range reasons {
		col.Append(r)
		at.Append(time.Now())
	}
	var buf proto.Buffer
	b := proto.Block{Columns: 2, Rows: len(reasons)}
	require.NoError(t, b.EncodeRawBlock(&buf, 0, []proto.InputColumn{{Name: "reason", Data: &col}, {Name: "received_at", Data: &at}}))
	return buf.Buf
}

func insertOf(token string, body func(w io.Writer) error) clickhouse.Insert {
	return clickhouse.Insert{
		Table: "quarantine_v1", Columns: []string{"reason", "received_at"}, Body: body,
		Settings: map[string]string{"insert_deduplication_token": token},
	}
}

// TestStoresAgree runs the same inserts through the engine in this process and through its HTTP interface.
func TestStoresAgree(t *testing.T) {
	engine := enginetest.Open(t)
	for name, store := range map[string]clickhouse.Store{"embedded": engine, "remote": dial(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			require.NoError(t, engine.Conn().Exec(ctx, "TRUNCATE TABLE quarantine_v1"))
			count := func() (n uint64) {
				require.NoError(t, store.Conn().QueryRow(ctx, "SELECT count() FROM quarantine_v1").Scan(&n))
				return n
			}
			require.Equal(t, engine.Version(), store.Version())
			two := insertOf("it's \\ a token", func(w io.Writer) error {
				for _, reason := range []string{"a", "b;"} {
					if _, err := w.Write(block(t, reason)); err != nil {
						return err
					}
				}
				return nil
			})
			require.NoError(t, store.Insert(ctx, two))
			require.NoError(t, store.Insert(ctx, two), "the token makes the repetition a no-op")
			require.EqualValues(t, 2, count())

			broken := errors.New("the writer broke")
			err := store.Insert(ctx, insertOf("b", func(w io.Writer) error {
				_, _ = w.Write(block(t, "lost"))
				return broken
			}))
			require.ErrorIs(t, err, broken)
			require.EqualValues(t, 2, count(), "a broken writer leaves nothing")

			err = store.Insert(ctx, insertOf("c", func(w io.Writer) error {
				full := block(t, "torn")
				_, err := w.Write(full[:len(full)-2])
				return err
			}))
			require.Error(t, err)
			require.True(t, clickhouse.IsPermanent(err), "%d: %v", clickhouse.Code(err), err)
			require.EqualValues(t, 2, count(), "a torn block leaves nothing")

			missing := insertOf("d", func(w io.Writer) error { _, err := w.Write(block(t, "x")); return err })
			missing.Table = "nowhere"
			err = store.Insert(ctx, missing)
			require.Equal(t, 60, clickhouse.Code(err), "%v", err)
			require.ErrorContains(t, err, "insert into nowhere")
			unknown := insertOf("e", missing.Body)
			unknown.Settings["no_such_setting"] = "1"
			require.Equal(t, 115, clickhouse.Code(store.Insert(ctx, unknown)))

			canceled, cancel := context.WithCancel(ctx)
			err = store.Insert(canceled, insertOf("f", func(w io.Writer) error {
				cancel()
				_, err := w.Write(block(t, "late"))
				return err
			}))
			require.ErrorIs(t, err, context.Canceled)
			require.EqualValues(t, 2, count())
		})
	}
}

func TestDial(t *testing.T) {
	remote := dial(t)
	require.Equal(t, clickhouse.KindServer, remote.Kind())
	require.Regexp(t, `^26\.7\.`, remote.Version())

	_, err := clickhouse.Dial(t.Context(), "127.0.0.1:1", clickhouse.DialSettings{})
	require.ErrorContains(t, err, "connect to ClickHouse at 127.0.0.1:1")
	for endpoint, want := range map[string]string{
		"127.0.0.1":              "want host:port",
		"tcp://127.0.0.1:9000":   "scheme must be http or https",
		"http://u:p@localhost:1": "settings of their own",
		"http://a b:1":           "endpoint",
	} {
		_, err := clickhouse.Dial(t.Context(), endpoint, clickhouse.DialSettings{})
		require.ErrorContains(t, err, want, endpoint)
		_, err = clickhouse.Wait(t.Context(), endpoint, clickhouse.DialSettings{})
		require.ErrorContains(t, err, want, "waiting doesn't help")
	}
}

func TestWait(t *testing.T) {
	handler := enginetest.Engine(t).Handler()
	answers := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers++; answers < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	remote, err := clickhouse.Wait(t.Context(), strings.TrimPrefix(server.URL, "http://"), clickhouse.DialSettings{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, answers, 3)
	require.NoError(t, remote.Close())

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = clickhouse.Wait(ctx, "127.0.0.1:1", clickhouse.DialSettings{})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-ClickHouse-Exception-Code", "516")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "Code: 516. DB::Exception: no. (AUTHENTICATION_FAILED)")
	}))
	defer refusing.Close()
	defer refusing.CloseClientConnections()
	_, err = clickhouse.Wait(t.Context(), refusing.URL, clickhouse.DialSettings{User: "u", Password: "wrong"})
	require.True(t, clickhouse.IsAuth(err), "%v", err)
	require.False(t, clickhouse.IsPermanent(err))
}

// TestInsertErrorInAGoodAnswer: a server that has begun its answer can tell an error only in the body.
func TestInsertErrorInAGoodAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "\r\n__exception__\r\nabc\r\nCode: 241. DB::Exception: too much. (MEMORY_LIMIT_EXCEEDED)\n60 abc\r\n__exception__\r\n")
			return
		}
		enginetest.Engine(t).Handler().ServeHTTP(w, r)
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	remote, err := clickhouse.Dial(t.Context(), server.URL, clickhouse.DialSettings{})
	require.NoError(t, err)
	err = remote.Insert(t.Context(), insertOf("x", func(io.Writer) error { return nil }))
	require.Equal(t, 241, clickhouse.Code(err))
	require.False(t, clickhouse.IsPermanent(err), "memory may be there the next time")
	require.NoError(t, remote.Close())
}

func TestStatement(t *testing.T) {
	ins := clickhouse.Insert{Table: "t", Columns: []string{"a", "b`c"}, Settings: map[string]string{"insert_deduplication_token": `q'1\2`, "async_insert": "1"}}
	got, err := ins.Statement()
	require.NoError(t, err)
	require.Equal(t, "INSERT INTO `summit`.`t` (`a`, `b\\`c`) SETTINGS async_insert = '1', insert_deduplication_token = 'q\\'1\\\\2'", got)
	ins.Settings = nil
	got, err = ins.Statement()
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(got, "SETTINGS async_insert = '0'"), got)
	ins.Settings = map[string]string{"a=1, b": "2"}
	_, err = ins.Statement()
	require.ErrorContains(t, err, "setting name")
	_, err = clickhouse.Insert{Table: "t"}.Statement()
	require.ErrorContains(t, err, "without columns")
	_, err = clickhouse.Insert{Columns: []string{"a"}}.Statement()
	require.ErrorContains(t, err, "without a table")
}

func TestCode(t *testing.T) {
	require.Zero(t, clickhouse.Code(nil))
	require.Zero(t, clickhouse.Code(errors.New("x")))
	require.Equal(t, 60, clickhouse.Code(&chgo.Exception{Code: 60}))
	require.Equal(t, 7, clickhouse.Code(&clickhouse.Exception{Code: 7}))
}

// TestInsertThatDoesNotGetOnEnds reaches servers that take no rows, or take them and say nothing.
func TestInsertThatDoesNotGetOnEnds(t *testing.T) {
	for name, reads := range map[string]bool{"takes no rows": false, "doesn't answer": true} {
		t.Run(name, func(t *testing.T) {
			engine := enginetest.Engine(t).Handler()
			over := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.Query().Get("query"), "quarantine_v1") {
					engine.ServeHTTP(w, r)
					return
				}
				if reads {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				<-over
			}))
			defer server.Close()
			defer close(over)
			remote, err := clickhouse.Dial(t.Context(), server.URL, clickhouse.DialSettings{CreateDatabase: true, InsertTimeout: 50 * time.Millisecond})
			require.NoError(t, err)
			defer func() { require.NoError(t, remote.Close()) }()
			err = remote.Insert(t.Context(), insertOf("stalled", func(w io.Writer) error {
				for range 64 { // more than the sockets hold
					if _, err := w.Write(make([]byte, 1<<20)); err != nil || reads {
						return err
					}
				}
				return nil
			}))
			require.ErrorContains(t, err, "neither takes rows nor answers for 50ms")
			require.False(t, clickhouse.IsPermanent(err))
		})
	}
}
