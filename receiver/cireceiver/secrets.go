package cireceiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// load reads the secrets. One that is there and empty is an error; a variable that isn't set is left out and named.
func load(configs []SecretConfig) (secrets [][]byte, unset []string, err error) {
	for _, c := range configs {
		var secret string
		switch {
		case c.SecretFile != "":
			raw, err := os.ReadFile(c.SecretFile)
			if err != nil {
				return nil, nil, fmt.Errorf("secret_file: %w", err)
			}
			secret = strings.TrimSpace(string(raw))
		case c.SecretEnv != "":
			v, ok := os.LookupEnv(c.SecretEnv)
			if !ok {
				unset = append(unset, c.SecretEnv)
				continue
			}
			secret = strings.TrimSpace(v)
		case c.Secret != nil:
			secret = string(*c.Secret)
		}
		if secret == "" {
			return nil, nil, fmt.Errorf("the secret in %s is empty, which would let anybody in", c.where())
		}
		secrets = append(secrets, []byte(secret))
	}
	return secrets, unset, nil
}

func (s *SecretConfig) where() string {
	switch {
	case s.SecretFile != "":
		return "secret_file " + s.SecretFile
	case s.SecretEnv != "":
		return "secret_env " + s.SecretEnv
	default:
		return "secret"
	}
}

var (
	errUnsigned  = errors.New("the header X-Hub-Signature-256 is missing: set the webhook's secret at the provider")
	errSignature = errors.New("the signature in X-Hub-Signature-256 doesn't fit the body and any of our secrets")
)

// checkSignature compares the HMAC-SHA256 of the raw body with the header, in a time that tells nothing.
func checkSignature(header string, body []byte, secrets [][]byte) error {
	if header == "" {
		return errUnsigned
	}
	digits, ok := strings.CutPrefix(header, "sha256=")
	got, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return errSignature
	}
	match := 0
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s)
		mac.Write(body)
		match |= subtle.ConstantTimeCompare(mac.Sum(nil), got)
	}
	if match == 0 {
		return errSignature
	}
	return nil
}

// checkToken lets in who has a token; where there are no tokens, who is on this machine.
func checkToken(r *http.Request, tokens [][]byte) error {
	if len(tokens) == 0 {
		return checkLocal(r)
	}
	sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return errors.New("the header Authorization: Bearer … is missing")
	}
	sum := sha256.Sum256([]byte(sent))
	match := 0
	for _, t := range tokens {
		want := sha256.Sum256(t)
		match |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	if match == 0 {
		return errors.New("the bearer token is none of ours")
	}
	return nil
}

// checkLocal lets in programs of this machine. A web page makes a browser of this machine send, and a proxy passes on what
// comes from anywhere: both come from loopback too and are told by their headers.
func checkLocal(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errors.New("without events.tokens only senders on this machine are served")
	}
	for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
		if r.Header.Get(name) != "" {
			return errors.New("without events.tokens web pages are not served (header " + name + ")")
		}
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For"} {
		if r.Header.Get(name) != "" {
			return errors.New("without events.tokens senders behind a proxy are not served (header " + name + ")")
		}
	}
	return nil
}
