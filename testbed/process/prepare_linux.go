package process

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// startPrepared starts a command. With prepare it is traced: it stops when its program is loaded, is prepared, and is
// let go.
func startPrepared(cmd *exec.Cmd, prepare func(pid int) error) error {
	if prepare == nil {
		return cmd.Start()
	}
	// The kernel takes orders about a traced process from the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	_, err := syscall.Wait4(pid, &status, 0, nil)
	if err == nil && !status.Stopped() {
		err = fmt.Errorf("it did not stop to be prepared: status %#x", status)
	}
	if err == nil {
		err = prepare(pid)
	}
	if err == nil {
		err = syscall.PtraceDetach(pid)
	}
	if err != nil {
		return errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	return nil
}

// ignoreExit leaves out that a killed process was killed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
