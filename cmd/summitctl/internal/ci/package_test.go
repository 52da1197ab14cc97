package ci

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the command that tests run: see child.
func TestMain(m *testing.M) {
	if mode := os.Getenv(childVariable); mode != "" {
		os.Exit(child(mode))
	}
	goleak.VerifyTestMain(m)
}
