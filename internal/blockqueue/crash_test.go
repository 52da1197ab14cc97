package blockqueue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The child of the crash test: crashDirEnv is its folder, crashRoundEnv the round, "" for the last, which only drains.
const (
	crashDirEnv   = "BLOCKQUEUE_CRASH_DIR"
	crashRoundEnv = "BLOCKQUEUE_CRASH_ROUND"
)

// crashChild appends without end and prints each record's id once it is acknowledged. Its consumer keeps one file per
// token, made atomically, as a store with deduplication does.
func crashChild(dir string) {
	round := os.Getenv(crashRoundEnv)
	q, err := Open(filepath.Join(dir, "queue"), Options{
		SealRows: []int{7}, SealAfter: 5 * time.Millisecond, SealAfterBusy: 5 * time.Millisecond,
		RetryMin: time.Millisecond, RetryMax: time.Millisecond,
		Consume: func(_ context.Context, seg *Segment) error { return deliver(dir, seg) },
	})
	if err != nil {
		crashExit(err)
	}
	if round == "" {
		if err := q.Close(context.Background()); err != nil {
			crashExit(err)
		}
		return
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s.%d.%d", round, worker, i)
				payload := id + " " + strings.Repeat("x", i*37%3000)
				err := q.Append(context.Background(), Record{Payload: []byte(payload), Rows: 1})
				if errors.Is(err, ErrFull) {
					continue
				}
				if err != nil {
					crashExit(err)
				}
				out.Lock()
				fmt.Println(id)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func crashExit(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

func deliver(dir string, seg *Segment) error {
	var ids []string
	for _, r := range seg.Records {
		id, _, _ := strings.Cut(string(r.Payload), " ")
		ids = append(ids, id)
	}
	content := strings.Join(ids, "\n")
	path := filepath.Join(dir, seg.Token("delivered"))
	if old, err := os.ReadFile(path); err == nil {
		if string(old) != content {
			crashExit(fmt.Errorf("a replay of %s has other records:\n%s\nbefore:\n%s", path, content, old))
		}
		return nil
	}
	if rand.IntN(10) == 0 {
		return errors.New("the store is away")
	}
	if err := os.WriteFile(path+".tmp", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func TestKilledAtRandomPointsEveryAcknowledgedRecordIsThereOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := map[string]bool{}
	rounds := 12
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		for _, id := range runAndKill(t, dir, round, rand.IntN(200)) {
			acked[id] = true
		}
	}
	last := exec.CommandContext(t.Context(), os.Args[0])
	last.Env = append(os.Environ(), crashDirEnv+"="+dir)
	out, err := last.CombinedOutput()
	require.NoError(t, err, string(out))

	seen := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*-delivered"))
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, id := range strings.Split(string(content), "\n") {
			require.Empty(t, seen[id], "record %s was delivered twice", id)
			seen[id] = f
		}
	}
	for id := range acked {
		require.NotEmpty(t, seen[id], "acknowledged record %s is missing", id)
	}
	require.NotEmpty(t, acked)
	left, err := listSegments(filepath.Join(dir, "queue"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoDirExists(t, filepath.Join(dir, "queue", quarantineDir), "a kill tears, it does not damage")
}

// runAndKill kills the child after a number of acknowledgements and returns all that it gave.
func runAndKill(t *testing.T, dir string, round, after int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir, fmt.Sprintf("%s=%d", crashRoundEnv, round))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var ids []string
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		ids = append(ids, strings.TrimSpace(line))
		if len(ids) == after+1 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait()
	require.Empty(t, stderr.String())
	return ids
}
