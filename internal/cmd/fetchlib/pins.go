package main

import "fmt"

const (
	libraryName    = "libchdb.so"
	libraryVersion = "26.7.3-stable.1"
)

// pin says which package a platform's library is in and what it must be.
type pin struct {
	name string
	// integrity is the package's hash as npm writes it; sha256 the library's, in hex. They are empty for platforms that we
	// couldn't try: npm's own integrity is taken then.
	integrity, sha256 string
}

var pins = map[string]pin{
	"linux/amd64": {
		name:      "@chdb/lib-linux-x64-gnu",
		integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
		sha256:    "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
	},
	"linux/arm64":  {name: "@chdb/lib-linux-arm64-gnu"},
	"darwin/arm64": {name: "@chdb/lib-darwin-arm64"},
	"darwin/amd64": {name: "@chdb/lib-darwin-x64"},
}

func pinFor(goos, goarch string) (pin, error) {
	p, ok := pins[goos+"/"+goarch]
	if !ok {
		return pin{}, fmt.Errorf("there is no embedded engine for %s/%s: use a ClickHouse server as the store", goos, goarch)
	}
	return p, nil
}

func (p pin) spec() string { return p.name + "@" + libraryVersion }

func (p pin) tested() bool { return p.sha256 != "" }
