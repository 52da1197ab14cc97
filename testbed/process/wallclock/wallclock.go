// Package wallclock makes the wall clock of one process jump, as a machine's does when it is set. It serves the tests of
// testbed that start the built binary, which knows nothing of it: the program's code is as it is shipped, and the engine in
// it sees the same clock.
//
// A process asks for the time in code that the kernel maps into it (the vDSO), not by a call into the kernel. Before the
// program runs, that code is replaced by the plain call and the addition of a number, which can be changed while the
// process runs. The monotonic clock, that of timers, goes on as it does on a machine whose clock is set. What stays unlike
// such a machine: the kernel itself, so files have true times, and a wait until a moment of the wall clock is one until the
// true moment.
package wallclock

import "errors"

// ErrUnsupported says that this package can't do it here.
var ErrUnsupported = errors.New("a process's wall clock can be moved on Linux on amd64 only")
