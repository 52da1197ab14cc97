//go:build !darwin && !linux

package chdb

import (
	"errors"
	"runtime"
)

var errPlatform = errors.New("the embedded engine does not exist for " + runtime.GOOS + "; use a ClickHouse server")

func dlopen(string) (uintptr, error) { return 0, errPlatform }

func dlsym(uintptr, string) (uintptr, error) { return 0, errPlatform }
