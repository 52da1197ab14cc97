package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

func TestValues(t *testing.T) {
	require.Equal(t, map[string]string{"a": "1"}, Attrs("a", "1", "b", ""))
	require.Nil(t, Attrs("b", ""))
	require.Equal(t, "x", Or("", "x"))
	require.Empty(t, Number(0))
	require.Equal(t, "first", FirstLine("\n first \nsecond"))
	require.Equal(t, "ab…", Cut("abc", 2))
	require.Equal(t, "…", Cut("é", 1), "no half of a character")
	for raw, want := range map[string]string{
		"https://GitHub.com/a/b": "github.com", "http://x:80/": "x", "https://x:443/": "x", "http://x:443": "x:443", "https://x:8443/a": "x:8443", "": "def", "/path": "def", "%": "def",
	} {
		require.Equal(t, want, Host(raw, "def"), raw)
	}
	for raw, want := range map[string]string{
		"ABCDEF0": "abcdef0", strings.Repeat("0", 40): "", "abc": "", "ghijklm": "", strings.Repeat("a", 65): "", strings.Repeat("a", 64): strings.Repeat("a", 64),
	} {
		require.Equal(t, want, SHA(raw), raw)
	}
	require.Equal(t, "a_b", Name("a:b"))
	require.Equal(t, "main", Branch("refs/heads/main"))
	require.Equal(t, "main", Branch("main"))
	require.Empty(t, Branch("refs/tags/v1"))
}

func TestProblemsAreAnswers(t *testing.T) {
	w := httptest.NewRecorder()
	p := WrongField("status", "is odd", "success", "failure")
	p.RetryAfter = "5"
	p.Write(w)
	require.Equal(t, 400, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"is odd","field":"status","allowed":["success","failure"]}`, w.Body.String())
	require.Equal(t, "status: is odd", p.Error())
	w = httptest.NewRecorder()
	NewProblem(401, "token", "no").Write(w)
	require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
	require.Equal(t, 503, DownstreamProblem(errors.New("busy")).Status)
	require.Equal(t, "5", DownstreamProblem(errors.New("busy")).RetryAfter)
	require.Equal(t, 500, DownstreamProblem(consumererror.NewPermanent(errors.New("no"))).Status)
}

func TestVerify(t *testing.T) {
	secrets := [][]byte{[]byte("one"), []byte("two")}
	require.NoError(t, VerifyToken("it", "two", secrets))
	require.ErrorContains(t, VerifyToken("it", "", secrets), "it is missing")
	require.ErrorContains(t, VerifyToken("it", "three", secrets), "it is none of our secrets")
	require.ErrorContains(t, VerifyToken("it", "three", nil), "none of our secrets")
	require.ErrorContains(t, VerifyHMAC("H", "", "", nil, secrets), "the header H is missing")
	// HMAC-SHA256 of "what do ya want for nothing?" with the key "Jefe", RFC 4231.
	const digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	require.NoError(t, VerifyHMAC("H", "sha256="+digest, "sha256=", []byte("what do ya want for nothing?"), [][]byte{[]byte("x"), []byte("Jefe")}))
	require.Error(t, VerifyHMAC("H", digest, "sha256=", []byte("what do ya want for nothing?"), [][]byte{[]byte("Jefe")}))
	require.Error(t, VerifyHMAC("H", "sha256="+digest[:62], "sha256=", []byte("what do ya want for nothing?"), [][]byte{[]byte("Jefe")}))

	r := http.Request{Header: http.Header{}}
	require.Error(t, VerifyBasic(r.Header, secrets))
	r.SetBasicAuth("anybody", "two")
	require.NoError(t, VerifyBasic(r.Header, secrets))
	r.SetBasicAuth("two", "anybody")
	require.Error(t, VerifyBasic(r.Header, secrets))
	require.Error(t, VerifyBearer(r.Header, secrets))
	r.Header.Set("Authorization", "Bearer one")
	require.NoError(t, VerifyBearer(r.Header, secrets))
	r.Header.Set("Authorization", "Bearer ones")
	require.Error(t, VerifyBearer(r.Header, secrets))
}
