//go:build unix

package ci

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the largest resident memory that the command and what it waited for had, in bytes.
func peakMemory(p *os.ProcessState) uint64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok || usage.Maxrss <= 0 {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return uint64(usage.Maxrss)
	}
	return uint64(usage.Maxrss) << 10
}

// endedBy is the signal that ended the command; the number is 0 when none did.
func endedBy(p *os.ProcessState) (string, int) {
	status, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return "", 0
	}
	return status.Signal().String(), int(status.Signal())
}
