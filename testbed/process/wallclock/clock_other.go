//go:build !linux || !amd64

package wallclock

import "time"

// Clock is the wall clock of a process.
type Clock struct{}

// Install takes over the clock of a process.
func (*Clock) Install(int) error { return ErrUnsupported }

// Set moves the process's clock.
func (*Clock) Set(time.Duration) error { return ErrUnsupported }
