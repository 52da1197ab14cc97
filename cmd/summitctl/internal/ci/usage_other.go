//go:build !unix

package ci

import "os"

func peakMemory(*os.ProcessState) uint64 { return 0 }

func endedBy(*os.ProcessState) (string, int) { return "", 0 }
