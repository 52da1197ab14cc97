//go:build darwin || linux

package chdb

import "github.com/ebitengine/purego"

// dlopen keeps the library's symbols local: it carries copies of common C libraries.
func dlopen(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func dlsym(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }
