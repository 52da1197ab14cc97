package chhttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// trustedKey marks requests that come through Transport, from this process.
type trustedKey struct{}

func trusted(ctx context.Context) context.Context { return context.WithValue(ctx, trustedKey{}, true) }

// CheckEndpoint refuses an address that others can reach while nobody is asked who they are.
func CheckEndpoint(endpoint, user, password string) error {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint %q: want host:port: %w", endpoint, err)
	}
	if isLoopback(host) || (user != "" && password != "") {
		return nil
	}
	return fmt.Errorf("endpoint %q can be reached from other machines and would give them the whole store: "+
		"set user and password, or listen on 127.0.0.1", endpoint)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// authenticate checks who asks. Without a configured user the store listens on loopback only, and what is refused is a
// web page that makes a browser on this machine ask: such a request has an Origin, says in Sec-Fetch-Site that a page sent
// it, or has a Host of the page's own.
func (s *Server) authenticate(r *http.Request) error {
	if r.Context().Value(trustedKey{}) != nil {
		return nil
	}
	if s.options.User == "" {
		return s.refuseBrowsers(r)
	}
	user, password := credentials(r)
	if user == "" {
		return newException(194, "REQUIRED_PASSWORD", "Authentication failed: user and password are required.")
	}
	if !same(user, s.options.User) || !same(password, s.options.Password) {
		return newException(516, "AUTHENTICATION_FAILED", user+": Authentication failed: password is incorrect, or there is no user with such name.")
	}
	return nil
}

func (s *Server) refuseBrowsers(r *http.Request) error {
	if origin := r.Header.Get("Origin"); origin != "" {
		return newException(497, "ACCESS_DENIED", "requests of web pages ("+origin+") are refused while no user is configured")
	}
	// An image or a link of a page is a GET without an Origin; it could read a table and send it away through url().
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return newException(497, "ACCESS_DENIED", "requests of web pages ("+site+") are refused while no user is configured")
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host != "" && !isLoopback(strings.Trim(host, "[]")) {
		return newException(497, "ACCESS_DENIED", "requests for host "+host+" are refused while no user is configured; ask for 127.0.0.1")
	}
	return nil
}

func credentials(r *http.Request) (user, password string) {
	if user, password, ok := r.BasicAuth(); ok {
		return user, password
	}
	if user := r.Header.Get("X-ClickHouse-User"); user != "" {
		return user, r.Header.Get("X-ClickHouse-Key")
	}
	query := r.URL.Query()
	return query.Get("user"), query.Get("password")
}

// same compares in constant time, whatever the lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
