package queryd

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/api"
	"github.com/summitobs/summit/ui"
)

// secured sets the headers that every answer has.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// noStore keeps answers out of caches: they change with every item that comes in.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

func compressed(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) }

// as puts the caller on each request.
func as(c access.Caller, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), c)))
	})
}

// checked lets through who brings the token. Without a token queryd trusts what comes from this machine, but a page
// elsewhere could send the browser here under a name of its own: such names are refused.
func (s *Server) checked(next http.Handler) http.Handler {
	want := sha256.Sum256(s.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.token == nil {
			if !plainHost(r.Host) {
				deny(w, http.StatusForbidden, "this address is for this machine only; ask by localhost or by number, or set a token")
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		got := sha256.Sum256([]byte(bearer(r)))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="summit", charset="UTF-8"`)
			deny(w, http.StatusUnauthorized, "this request needs the token, as a bearer token or as the password of basic authentication")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func bearer(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	_, password, _ := r.BasicAuth()
	return password
}

// plainHost tells a Host header that no foreign name server can have made: localhost, or a number.
func plainHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

func deny(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(&api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail})
}

const noUI = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Summit</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto">
<h1>The web application isn't built</h1>
<p>This queryd was made without it. Build both with <code>make build</code>, then start again.</p>
<p>The API works: <a href="/api/v1/status">/api/v1/status</a>, described by <a href="/api/v1/openapi.yaml">/api/v1/openapi.yaml</a>.</p>
`

// pages serves the web application, or says that it isn't there.
func pages(files fs.FS) http.Handler {
	if _, err := fs.Stat(files, "index.html"); !errors.Is(err, fs.ErrNotExist) {
		return ui.Handler(files)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(noUI)) // the browser has gone when this fails
	})
}
