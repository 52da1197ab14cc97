package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// VerifyHMAC compares the HMAC-SHA256 of a message, in hexadecimal after a prefix, with what a header says, in a time
// that tells nothing.
func VerifyHMAC(header, value, prefix string, message []byte, secrets [][]byte) error {
	if value == "" {
		return fmt.Errorf("the header %s is missing: set the webhook's secret at the provider", header)
	}
	digits, ok := strings.CutPrefix(value, prefix)
	got, err := hex.DecodeString(digits)
	if !ok || err != nil || !matches(got, message, secrets) {
		return fmt.Errorf("the signature in %s doesn't fit the body and any of our secrets", header)
	}
	return nil
}

func matches(got, message []byte, secrets [][]byte) bool {
	match := 0
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s)
		mac.Write(message)
		match |= subtle.ConstantTimeCompare(mac.Sum(nil), got)
	}
	return match == 1
}

// VerifyToken compares a secret that is sent as it is, in a time that doesn't even tell its length.
func VerifyToken(where, sent string, secrets [][]byte) error {
	if sent == "" {
		return fmt.Errorf("%s is missing: set the webhook's secret at the provider", where)
	}
	sum := sha256.Sum256([]byte(sent))
	match := 0
	for _, s := range secrets {
		want := sha256.Sum256(s)
		match |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	if match == 0 {
		return fmt.Errorf("%s is none of our secrets", where)
	}
	return nil
}

// VerifyBearer wants one of the secrets as a bearer token.
func VerifyBearer(h http.Header, secrets [][]byte) error {
	sent, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !ok || sent == "" {
		return errors.New("the header Authorization: Bearer … is missing")
	}
	if VerifyToken("the bearer token", sent, secrets) != nil {
		return errors.New("the bearer token is none of ours")
	}
	return nil
}

// VerifyBasic wants one of the secrets as the password of HTTP basic authentication; the user name may be any.
func VerifyBasic(h http.Header, secrets [][]byte) error {
	r := http.Request{Header: h}
	_, password, ok := r.BasicAuth()
	if !ok || password == "" {
		return errors.New("the header Authorization: Basic … is missing: set a password for basic authentication at the provider")
	}
	if VerifyToken("the password", password, secrets) != nil {
		return errors.New("the password is none of our secrets")
	}
	return nil
}
