//go:build !linux

package process

import (
	"errors"
	"os/exec"
)

func startPrepared(cmd *exec.Cmd, prepare func(pid int) error) error {
	if prepare != nil {
		return errors.New("a process can be prepared on Linux only")
	}
	return cmd.Start()
}
