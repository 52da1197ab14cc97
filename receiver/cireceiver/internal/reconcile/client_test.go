package reconcile

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type answers func(r *http.Request) (code int, header http.Header, body string, err error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	code, h, body, err := f(r)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func source(t *testing.T, f answers, reserve int) (*Source, map[string]int) {
	t.Helper()
	waits := map[string]int{}
	s, err := GitHub(Settings{
		API: "https://api.github.com", Repos: []string{"a/b"}, Token: "t", Reserve: reserve, Lookback: time.Hour, HTTP: &http.Client{Transport: f},
		Wait: func(reason string, _ time.Duration) { waits[reason]++ },
	})
	require.NoError(t, err)
	return s, waits
}

func TestWhatGoesWrongIsTriedAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fail  answers
		wait  string
		least time.Duration
		most  time.Duration
	}{
		{name: "bad gateway", fail: func(*http.Request) (int, http.Header, string, error) { return 502, nil, "", nil }, wait: "backoff", least: 500 * time.Millisecond, most: time.Second},
		{name: "no connection", fail: func(*http.Request) (int, http.Header, string, error) { return 0, nil, "", errors.New("refused") }, wait: "backoff", least: 500 * time.Millisecond, most: time.Second},
		{name: "too many", fail: func(*http.Request) (int, http.Header, string, error) {
			return 429, header("Retry-After", "17"), "", nil
		}, wait: "retry_after", least: 17 * time.Second, most: 17 * time.Second},
		{name: "secondary limit", fail: func(*http.Request) (int, http.Header, string, error) {
			return 403, header("Retry-After", "60"), "", nil
		}, wait: "retry_after", least: time.Minute, most: time.Minute},
		{name: "limit used up", fail: func(*http.Request) (int, http.Header, string, error) {
			return 403, header("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(90*time.Second).Unix(), 10)), "", nil
		}, wait: "rate_limit", least: 89 * time.Second, most: 90 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				s, waits := source(t, func(r *http.Request) (int, http.Header, string, error) {
					if n++; n == 1 {
						return tc.fail(r)
					}
					return 200, nil, `{"ok":true}`, nil
				}, 0)
				began := time.Now()
				var v struct{ OK bool }
				_, err := s.client.get(t.Context(), "x", &v)
				require.NoError(t, err)
				require.True(t, v.OK)
				require.Equal(t, map[string]int{tc.wait: 1}, waits)
				took := time.Since(began)
				require.GreaterOrEqual(t, took, tc.least)
				require.LessOrEqual(t, took, tc.most)
			})
		})
	}
}

func TestWhatStaysWrongIsGivenUp(t *testing.T) {
	for _, tc := range []struct {
		name string
		code int
		n    int
	}{{"not found", 404, 1}, {"not allowed", 401, 1}, {"forbidden without a limit", 403, 1}, {"server error", 500, tries}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				s, _ := source(t, func(*http.Request) (int, http.Header, string, error) { n++; return tc.code, nil, "why", nil }, 0)
				_, err := s.client.get(t.Context(), "x", nil)
				require.ErrorContains(t, err, "ask /x: status "+strconv.Itoa(tc.code)+": why")
				require.Equal(t, tc.n, n)
			})
		})
	}
}

func TestReserveIsLeftToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := time.Now().Add(time.Hour)
		var at []time.Time
		s, waits := source(t, func(*http.Request) (int, http.Header, string, error) {
			at = append(at, time.Now())
			return 200, header("X-RateLimit-Remaining", strconv.Itoa(12-len(at)), "X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10)), "{}", nil
		}, 10)
		for range 3 {
			_, err := s.client.get(t.Context(), "x", &struct{}{})
			require.NoError(t, err)
		}
		require.Equal(t, 1, waits["rate_limit"])
		require.Zero(t, at[1].Sub(at[0]))
		require.GreaterOrEqual(t, at[2].Sub(at[1]), time.Hour-time.Second)
	})
}

func TestWaitsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := source(t, func(*http.Request) (int, http.Header, string, error) {
			return 429, header("Retry-After", "1000"), "", nil
		}, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.client.get(ctx, "x", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, s.Cycle(ctx, nil), context.DeadlineExceeded)
	})
}

func TestTokenStaysWithItsHost(t *testing.T) {
	s, _ := source(t, func(*http.Request) (int, http.Header, string, error) { t.Fatal("asked"); return 0, nil, "", nil }, 0)
	for _, address := range []string{"https://evil.example/x", "http://api.github.com/x"} {
		_, err := s.client.get(t.Context(), address, nil)
		require.ErrorContains(t, err, "the next page is on another host")
	}
	require.Equal(t, "https://x/?page=2", nextPage([]string{`<https://x/?page=1>; rel="prev", <https://x/?page=2>; rel="next"`}))
	require.Empty(t, nextPage([]string{`<https://x>; rel="last"`}))
}

// One repository that can't be read doesn't keep the others from being read.
func TestCycleGoesOn(t *testing.T) {
	asked := map[string]bool{}
	s, _ := source(t, func(r *http.Request) (int, http.Header, string, error) {
		asked[r.URL.Path] = true
		switch {
		case r.URL.Path == "/repos/gone/x":
			return 404, nil, "Not Found", nil
		case strings.HasSuffix(r.URL.Path, "/runs"):
			return 200, nil, `{"workflow_runs":[]}`, nil
		case strings.HasSuffix(r.URL.Path, "/deployments"):
			return 200, nil, `[]`, nil
		}
		return 200, nil, `{}`, nil
	}, 0)
	s.set.Repos = []string{"gone/x", "a/b"}
	require.ErrorContains(t, s.Cycle(t.Context(), nil), "gone/x: ask /repos/gone/x: status 404")
	require.True(t, asked["/repos/a/b/actions/runs"])
	require.Equal(t, "github", s.Name())
}

func TestAppGetsItsTokenAndRenewsIt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"PKCS#1": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}, "PKCS#8": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issued := 0
				s, err := GitHub(Settings{
					API: "https://ghe.acme.io/api/v3/", AppID: 17, InstallationID: 99, PrivateKey: pem.EncodeToMemory(block), Lookback: time.Hour,
					HTTP: &http.Client{Transport: answers(func(r *http.Request) (int, http.Header, string, error) {
						auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
						require.True(t, ok)
						if r.URL.Path == "/api/v3/app/installations/99/access_tokens" {
							require.Equal(t, http.MethodPost, r.Method)
							requireJWT(t, auth, &key.PublicKey)
							issued++
							return 201, nil, `{"token":"ghs_` + strconv.Itoa(issued) + `","expires_at":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`, nil
						}
						require.Equal(t, "ghs_"+strconv.Itoa(issued), auth)
						return 200, nil, "{}", nil
					})},
				})
				require.NoError(t, err)
				for range 3 {
					_, err = s.client.get(t.Context(), "repos/a/b", &struct{}{})
					require.NoError(t, err)
				}
				require.Equal(t, 1, issued)
				time.Sleep(56 * time.Minute)
				_, err = s.client.get(t.Context(), "repos/a/b", &struct{}{})
				require.NoError(t, err)
				require.Equal(t, 2, issued, "renewed before it ends")
			})
		})
	}
	_, err = GitHub(Settings{API: "https://api.github.com", AppID: 1, PrivateKey: []byte("no key")})
	require.ErrorContains(t, err, "private_key is no PEM")
	_, err = GitHub(Settings{API: "https://api.github.com", AppID: 1, PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("x")})})
	require.ErrorContains(t, err, "is no RSA key")
	_, err = GitLab(Settings{API: "nowhere"})
	require.ErrorContains(t, err, "api must be an address")
}

func requireJWT(t *testing.T, token string, pub *rsa.PublicKey) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	require.NoError(t, rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig))
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		IAT, EXP int64
		ISS      string
	}
	require.NoError(t, json.NewDecoder(bytes.NewReader(raw)).Decode(&claims))
	require.Equal(t, "17", claims.ISS)
	require.LessOrEqual(t, claims.EXP-claims.IAT, int64(600), "GitHub takes ten minutes at most")
	require.Greater(t, claims.EXP, time.Now().Unix())
}
