package ci

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/otlp"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/envelope"
)

// scope is the instrumentation scope of the commands' spans.
const scope = "github.com/summitobs/summit/cmd/summitctl"

// exportPatience is how long a job waits for its span to be taken. The command's own result never depends on it.
const exportPatience = 10 * time.Second

func execCommand(s *verb.Shared, p *place) *cobra.Command {
	var name string
	var withArgs bool
	cmd := &cobra.Command{
		Use: "exec -- command [argument…]", Short: "Run a command as a span of the job and pass the trace on to it", Args: cobra.MinimumNArgs(1),
		Long: "The command gets the trace in TRACEPARENT, every signal that comes, and its exit code becomes this one's.\n" +
			"Its span tells the exit code, the processor time and the peak of memory.",
		Example: "  summitctl ci exec -- go test ./...",
		RunE: func(cmd *cobra.Command, args []string) error {
			// A command outside of CI runs as well, in a trace of its own.
			job, err := p.find()
			if err != nil && p.run != "" {
				return err
			}
			c := command{job: job, name: name, args: args, withArgs: withArgs, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), talk: cmd.ErrOrStderr()}
			c.begin(os.Getenv("TRACEPARENT"))
			code, runErr := c.run(context.WithoutCancel(cmd.Context()))
			c.export(context.WithoutCancel(cmd.Context()), otlp.NewHTTP(s.Places().OTLPHTTP))
			if runErr == nil {
				return nil
			}
			return &exit.Error{Code: code, Err: runErr}
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the span (default the command)")
	cmd.Flags().BoolVar(&withArgs, "with-args", false, "keep all arguments in the span; they may hold secrets")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// command is one run of a command.
type command struct {
	// job is nil outside of CI.
	job      *Job
	name     string
	args     []string
	withArgs bool
	in       io.Reader
	out      io.Writer
	talk     io.Writer

	trace        [16]byte
	parent, span [8]byte
	start, end   time.Time
	pid, code    int
	signal       string
	user, system time.Duration
	peak         uint64
	failed       error
}

// begin takes the place in the trace: below the span that TRACEPARENT names, else below the job's.
func (c *command) begin(traceparent string) {
	trace, parent, ok := parseTraceparent(traceparent)
	if !ok && c.job != nil {
		trace, parent, ok = parseTraceparent(c.job.Traceparent())
	}
	if !ok {
		random(trace[:])
	}
	c.trace, c.parent = trace, parent
	random(c.span[:])
}

func random(b []byte) { _, _ = rand.Read(b) } // never fails, as its documentation says

var traceparentForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$`)

func parseTraceparent(s string) (trace [16]byte, span [8]byte, ok bool) {
	m := traceparentForm.FindStringSubmatch(s)
	if m == nil || m[1] == "ff" || m[1] == "00" && m[4] != "" {
		return trace, span, false
	}
	_, err1 := hex.Decode(trace[:], []byte(m[2]))
	_, err2 := hex.Decode(span[:], []byte(m[3]))
	ok = err1 == nil && err2 == nil && trace != [16]byte{} && span != [8]byte{}
	if !ok {
		return [16]byte{}, [8]byte{}, false
	}
	return trace, span, true
}

// Exit codes of a shell for a command that can't be started.
const (
	codeCantRun  = 126
	codeNotFound = 127
	codeSignal   = 128
)

// run runs the command to its end and gives its exit code, with an error when that isn't 0.
func (c *command) run(ctx context.Context) (int, error) {
	child := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	child.Stdin, child.Stdout, child.Stderr = c.in, c.out, c.talk
	child.Env = append(without(os.Environ(), "TRACEPARENT"),
		"TRACEPARENT=00-"+hex.EncodeToString(c.trace[:])+"-"+hex.EncodeToString(c.span[:])+"-01")
	// From before the start on, so that no signal ends this process and leaves the command alone.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	c.start = time.Now()
	err := child.Start()
	if err == nil {
		c.pid = child.Process.Pid
		err = wait(child, signals)
	}
	c.end = time.Now()
	if child.ProcessState == nil {
		c.failed = err
		c.code = codeCantRun
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			c.code = codeNotFound
		}
		return c.code, fmt.Errorf("start %s: %w", c.args[0], err)
	}
	c.user, c.system = child.ProcessState.UserTime(), child.ProcessState.SystemTime()
	c.peak = peakMemory(child.ProcessState)
	c.code = child.ProcessState.ExitCode()
	if name, number := endedBy(child.ProcessState); number != 0 {
		c.signal, c.code = name, codeSignal+number
	}
	if c.code != 0 {
		return c.code, fmt.Errorf("%s ended with %d", c.title(), c.code)
	}
	if err != nil {
		return exit.Failed, fmt.Errorf("run %s: %w", c.title(), err)
	}
	return 0, nil
}

// wait passes signals on until the command has ended.
func wait(child *exec.Cmd, signals <-chan os.Signal) error {
	done := make(chan error, 1)
	go func() { done <- child.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = child.Process.Signal(s) // it may have ended just now
		case err := <-done:
			return err
		}
	}
}

func without(environ []string, name string) []string {
	out := make([]string, 0, len(environ)+1)
	for _, kv := range environ {
		if k, _, _ := strings.Cut(kv, "="); k != name {
			out = append(out, kv)
		}
	}
	return out
}

var subcommand = regexp.MustCompile(`^[a-z][a-z0-9:_-]{0,40}$`)

// title names the command without its arguments, which differ from run to run; a word such as "test" of "go test" stays.
func (c *command) title() string {
	if c.name != "" {
		return c.name
	}
	name := filepath.Base(c.args[0])
	if len(c.args) > 1 && subcommand.MatchString(c.args[1]) {
		name += " " + c.args[1]
	}
	return name
}

// export sends the span. What goes wrong is said and changes nothing: a job doesn't fail for its telemetry.
func (c *command) export(ctx context.Context, to otlp.Sender) {
	ctx, cancel := context.WithTimeout(ctx, exportPatience)
	defer cancel()
	err := errors.Join(to.Traces(ctx, c.traces()), to.Close())
	if err != nil {
		fmt.Fprintf(c.talk, "summitctl: the span of %s was not sent: %v\n", c.title(), err)
	}
}

func (c *command) traces() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes(), c.job)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	sp := ss.Spans().AppendEmpty()
	sp.SetTraceID(c.trace)
	sp.SetSpanID(c.span)
	sp.SetParentSpanID(c.parent)
	sp.SetName(c.title())
	sp.SetKind(ptrace.SpanKindInternal)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(c.start))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(c.end))
	a := sp.Attributes()
	a.PutStr("process.executable.name", filepath.Base(c.args[0]))
	a.PutInt("process.exit.code", int64(c.code))
	if c.pid != 0 {
		a.PutInt("process.pid", int64(c.pid))
		a.PutInt(envelope.AttrExecCPUUserNS, c.user.Nanoseconds())
		a.PutInt(envelope.AttrExecCPUSystemNS, c.system.Nanoseconds())
	}
	if c.peak > 0 {
		a.PutInt(envelope.AttrExecMemPeak, int64(c.peak))
	}
	if c.withArgs {
		list := a.PutEmptySlice("process.command_args")
		for _, arg := range c.args {
			list.AppendEmpty().SetStr(arg)
		}
	}
	if c.code != 0 {
		c.explain(sp)
	}
	return td
}

func (c *command) explain(sp ptrace.Span) {
	kind, message := "exit_code", fmt.Sprintf("%s ended with %d", c.title(), c.code)
	switch {
	case c.failed != nil:
		kind, message = "start", c.failed.Error()
	case c.signal != "":
		kind, message = "signal", fmt.Sprintf("%s was ended by %s", c.title(), c.signal)
	}
	sp.Attributes().PutStr("error.type", kind)
	sp.Status().SetCode(ptrace.StatusCodeError)
	sp.Status().SetMessage(message)
}

// resource says of a job what the spans of its run say.
func resource(a pcommon.Map, j *Job) {
	put := func(key, value string) {
		if value != "" {
			a.PutStr(key, value)
		}
	}
	if j == nil {
		put("service.name", "summitctl")
		return
	}
	owner, repo := "", j.Run.Repo
	if i := strings.LastIndexByte(repo, '/'); i >= 0 {
		owner, repo = repo[:i], repo[i+1:]
	}
	put("service.name", j.Run.Repo)
	put(envelope.AttrBuildRunRef, j.Run.ID())
	put("cicd.pipeline.name", j.Pipeline)
	put("cicd.pipeline.run.id", j.Run.RunID)
	put("cicd.pipeline.task.name", j.Name)
	put("cicd.pipeline.task.run.id", j.ID)
	put("cicd.worker.name", j.Runner)
	put("vcs.provider.name", j.Run.Provider)
	put("vcs.owner.name", owner)
	put("vcs.repository.name", repo)
	put("vcs.ref.head.name", j.Branch)
	put("vcs.ref.head.revision", j.CommitSHA)
}
