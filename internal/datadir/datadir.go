// Package datadir says where a Summit process keeps its data when nobody said otherwise.
package datadir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Env is the variable that names the data folder.
const Env = "SUMMIT_DATA_DIR"

// Path is the folder that Env names, else the one of the XDG base directory specification:
// ${XDG_DATA_HOME:-~/.local/share}/summit. Nothing is written elsewhere.
func Path() (string, error) {
	if dir := os.Getenv(Env); dir != "" {
		return filepath.Abs(dir)
	}
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "summit"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w; set --data-dir or %s", err, Env)
	}
	return filepath.Join(home, ".local", "share", "summit"), nil
}
