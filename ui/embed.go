// Package ui is the web application, built by npm into dist and embedded here. It is the last stop of the flow: queryd
// serves it beside its APIs, and the pages ask those APIs for everything they show.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS is the built application with index.html at its root. Before the first build of the application it is empty.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// The directory is named in the embed directive above; its absence doesn't compile.
		panic(err)
	}
	return sub
}
