package cireceiver

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
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

// checkToken lets in who has a token; where there are no tokens, who is on this machine.
func checkToken(r *http.Request, tokens [][]byte) error {
	if len(tokens) == 0 {
		return checkLocal(r)
	}
	return wire.VerifyBearer(r.Header, tokens)
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
