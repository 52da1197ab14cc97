package provenance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
)

// Keys are the public keys by which envelopes are verified. Signing without a long-lived key (Fulcio, Rekor) isn't
// verified here: it takes a trust root from the network.
type Keys struct{ keys []namedKey }

type namedKey struct {
	name string
	key  any
}

// Add takes a public key as PEM (PKIX): ECDSA, Ed25519 or RSA. The name is what artifacts say they were verified by.
func (k *Keys) Add(name string, data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("key %s: no PEM block", name)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	switch key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey:
	default:
		return fmt.Errorf("key %s is a %T, want ECDSA, Ed25519 or RSA", name, key)
	}
	k.keys = append(k.keys, namedKey{name, key})
	return nil
}

// verify gives the name of the first key that signed the envelope.
func (k *Keys) verify(e *dsse, payload []byte) (string, error) {
	message := preAuthEncoding(e.PayloadType, payload)
	var undecodable error
	for _, s := range e.Signatures {
		sig, err := decodeBase64(s.Sig)
		if err != nil {
			undecodable = fmt.Errorf("signature: %w", err)
			continue
		}
		for _, key := range k.keys {
			if signed(key.key, message, sig) {
				return key.name, nil
			}
		}
	}
	return "", errors.Join(ErrNotSigned, undecodable)
}

// preAuthEncoding is DSSE's PAE: what is signed.
func preAuthEncoding(payloadType string, payload []byte) []byte {
	out := []byte("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	return append(out, payload...)
}

func signed(key any, message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], sig)
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPSS(k, crypto.SHA256, sum[:], sig, nil) == nil || rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
	default:
		return false
	}
}
