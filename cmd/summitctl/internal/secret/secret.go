// Package secret finds the GitHub webhook's secret that the collector and the demo on one machine share: the
// environment's, or one that `summitctl up` once made and keeps in the data folder.
package secret

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Env is the variable that the standalone role reads the secret from.
const Env = "SUMMIT_GITHUB_SECRET"

const file = "github-webhook.secret"

// Find gives the secret, or "" when there is none.
func Find(dataDir string) (string, error) {
	if s := os.Getenv(Env); s != "" {
		return s, nil
	}
	b, err := os.ReadFile(filepath.Join(dataDir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read webhook secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Ensure puts the secret into the environment, for the processes that are started from here, and makes one if there is
// none.
func Ensure(dataDir string) error {
	s, err := Find(dataDir)
	if err != nil {
		return err
	}
	if s == "" {
		s = hex.EncodeToString(random())
		if err := os.MkdirAll(dataDir, 0o750); err != nil {
			return fmt.Errorf("create data folder: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dataDir, file), []byte(s+"\n"), 0o600); err != nil {
			return fmt.Errorf("keep webhook secret: %w", err)
		}
	}
	return os.Setenv(Env, s)
}

func random() []byte {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return b
}
