// Package process starts the built binaries as an operator does, in temporary folders on free loopback ports, for the
// programs and tests of testbed. It knows processes, their addresses and their cost; what is sent to them is the
// business of its callers.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Binary gives the path of a built program: beside the one that SUMMIT_BIN names, else in bin/ of the repository.
func Binary(name string) (string, error) {
	if summit := os.Getenv("SUMMIT_BIN"); summit != "" {
		abs, err := filepath.Abs(summit)
		if err != nil {
			return "", err
		}
		if name == "summit" {
			return abs, nil
		}
		return filepath.Join(filepath.Dir(abs), name), nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("bin/%s is missing: run make build", name)
	}
	return path, nil
}

// Root finds the repository above the working folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working folder")
		}
		dir = parent
	}
}

// Spec is a process to start.
type Spec struct {
	// Binary is the name of a program of bin/.
	Binary string
	// Path is a program elsewhere, in place of Binary.
	Path string
	Args []string
	// Env is added to a bare environment.
	Env []string
	// Log is the file that takes both outputs; a later start appends.
	Log string
	// Prepare is called with the process when its program is loaded and has run nothing yet; an error ends it. Linux only.
	Prepare func(pid int) error
}

// Process is a running program.
type Process struct {
	cmd    *exec.Cmd
	log    string
	done   chan struct{}
	result error
}

// Start starts a process. Whoever starts it ends it with Stop or Kill.
func Start(s Spec) (*Process, error) {
	path := s.Path
	if path == "" {
		var err error
		if path, err = Binary(s.Binary); err != nil {
			return nil, err
		}
	}
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", path, err)
	}
	cmd := exec.Command(path, s.Args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(s.Log)}, s.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPrepared(cmd, s.Prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", path, err), log.Close())
	}
	p := &Process{cmd: cmd, log: s.Log, done: make(chan struct{})}
	go func() {
		p.result = errors.Join(cmd.Wait(), log.Close())
		close(p.done)
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Alive tells whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop sends what Ctrl-C sends and waits; anything but a clean end within the limit is an error.
func (p *Process) Stop(limit time.Duration) error {
	if !p.Alive() {
		return p.ended()
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("interrupt: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.ended()
	case <-timer.C:
		return errors.Join(fmt.Errorf("%s didn't stop within %s", filepath.Base(p.cmd.Path), limit), p.Kill())
	}
}

// ended is the error of a process that has ended, nil for a clean end.
func (p *Process) ended() error {
	if p.result == nil {
		return nil
	}
	return fmt.Errorf("%s ended: %w\n%s", filepath.Base(p.cmd.Path), p.result, p.Tail())
}

// Kill ends the process at once, as a power cut would for it, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Pause stops the process where it is, as a debugger or a frozen machine does, until Resume.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Log is what the process, and those before it with the same log, have written.
func (p *Process) Log() (string, error) {
	b, err := os.ReadFile(p.log)
	return string(b), err
}

// Tail is the end of the log.
func (p *Process) Tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const keep = 6 << 10
	return string(b[max(0, len(b)-keep):])
}

// WaitFor asks until the answer is yes, the process ends or the context does.
func (p *Process) WaitFor(ctx context.Context, what string, ask func(ctx context.Context) (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := ask(ctx)
		if ok {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.done:
			return fmt.Errorf("wait for %s: %w", what, errors.Join(p.ended(), errors.New("the process ended")))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (last answer: %w)\n%s", what, ctx.Err(), errors.Join(last), p.Tail())
		case <-tick.C:
		}
	}
}
