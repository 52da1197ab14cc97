package up

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// child is a process that was started and is waited for. done is closed when it has ended.
type child struct {
	cmd    *exec.Cmd
	done   chan struct{}
	result error
	log    string
}

func (c *child) wait(closers ...io.Closer) {
	c.result = c.cmd.Wait()
	for _, f := range closers {
		c.result = errors.Join(c.result, f.Close())
	}
	close(c.done)
}

// err is how the process ended; nil for a clean end. Only valid after done.
func (c *child) err() error { return c.result }

// stop asks the process to end and waits; one that doesn't within stopTimeout is killed, which is an error.
func (c *child) stop() error {
	select {
	case <-c.done:
		return nil
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", filepath.Base(c.cmd.Path), err)
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(stopTimeout):
		err := c.cmd.Process.Kill()
		<-c.done
		return errors.Join(fmt.Errorf("%s didn't stop within %s and was killed", filepath.Base(c.cmd.Path), stopTimeout), err)
	}
}

// tail is the end of the process's log, for the person who has to find out why it ended.
func (c *child) tail() string {
	b, err := os.ReadFile(c.log)
	if err != nil {
		return ""
	}
	const keep = 4096
	if len(b) > keep {
		b = b[len(b)-keep:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(b)
}

// start runs the collector with its output in a log file. It gets a process group of its own: the terminal's Ctrl-C
// reaches only us, and we decide the order of stopping.
func start(binary, dir, role string) (*child, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	path := filepath.Join(dir, "summit.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	cmd := exec.Command(binary, "--data-dir="+dir, "--config=role:"+role)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", binary, err), log.Close())
	}
	c := &child{cmd: cmd, done: make(chan struct{}), log: path}
	go c.wait(log)
	return c, nil
}

// startDemo runs this program's own demo verb beside the collector.
func startDemo(args []string, talk io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program for the demo: %w", err)
	}
	cmd := exec.Command(self, append([]string{"demo"}, args...)...)
	cmd.Stdout, cmd.Stderr = talk, talk
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start demo: %w", err)
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go c.wait()
	return c, nil
}
