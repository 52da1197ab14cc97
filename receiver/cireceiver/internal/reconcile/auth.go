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
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// bearer is a token of GitHub: of a person, or of an action.
type bearer string

func (b bearer) authorize(_ context.Context, h http.Header) error {
	h.Set("Authorization", "Bearer "+string(b))
	return nil
}

// private is a token of GitLab.
type private string

func (p private) authorize(_ context.Context, h http.Header) error {
	h.Set("PRIVATE-TOKEN", string(p))
	return nil
}

// app is an installation of a GitHub App: it gets itself a token for an hour and renews it in time.
type app struct {
	http         *http.Client
	base         *url.URL
	id           int64
	installation int64
	key          *rsa.PrivateKey

	token   string
	expires time.Time
}

// renewal is how long before its end a token isn't used any more.
const renewal = 5 * time.Minute

func (a *app) authorize(ctx context.Context, h http.Header) error {
	if time.Until(a.expires) < renewal {
		if err := a.renew(ctx); err != nil {
			return fmt.Errorf("get a token of the GitHub App's installation %d: %w", a.installation, err)
		}
	}
	h.Set("Authorization", "Bearer "+a.token)
	return nil
}

func (a *app) renew(ctx context.Context) error {
	signed, err := a.jwt(time.Now())
	if err != nil {
		return err
	}
	u, err := a.base.Parse("app/installations/" + strconv.FormatInt(a.installation, 10) + "/access_tokens")
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(nil))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+signed)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "summit")
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		// The body may repeat what was sent; the status says enough.
		return &status{code: resp.StatusCode, body: http.StatusText(resp.StatusCode)}
	}
	var answer struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if answer.Token == "" {
		return errors.New("the answer has no token")
	}
	a.token, a.expires = answer.Token, answer.ExpiresAt
	return nil
}

// jwt says that we are the App, for nine minutes; it begins a minute ago, as GitHub's clock may be behind.
func (a *app) jwt(now time.Time) (string, error) {
	enc := base64.RawURLEncoding
	claims := fmt.Sprintf(`{"iat":%d,"exp":%d,"iss":"%d"}`, now.Add(-time.Minute).Unix(), now.Add(9*time.Minute).Unix(), a.id)
	message := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(message))
	sig, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign as the GitHub App: %w", err)
	}
	return message + "." + enc.EncodeToString(sig), nil
}

// parseKey reads an App's private key as GitHub gives it, or in PKCS#8.
func parseKey(raw []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("is no PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is no RSA key in PKCS#1 or PKCS#8")
	}
	key, ok := any.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is no RSA key")
	}
	return key, nil
}
