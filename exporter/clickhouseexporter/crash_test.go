package clickhouseexporter

import (
	"bufio"
	"context"
	"encoding/hex"
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
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// The child of the crash test: its folder, its round ("" for the last, which drains and counts) and the engine's library.
const (
	crashDirEnv     = "CLICKHOUSEEXPORTER_CRASH_DIR"
	crashRoundEnv   = "CLICKHOUSEEXPORTER_CRASH_ROUND"
	crashLibraryEnv = "CLICKHOUSEEXPORTER_CRASH_LIBRARY"
	spansPerRequest = 5
)

// crashChild runs the exporter on an engine of its own and prints the trace id of each acknowledged request.
func crashChild(dir string) int {
	if err := runCrashChild(context.Background(), dir, os.Getenv(crashRoundEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

func runCrashChild(ctx context.Context, dir, round string) error {
	engine, err := embedded.Open(ctx, embedded.Config{
		Path: filepath.Join(dir, "store"), Library: os.Getenv(crashLibraryEnv), MarkCacheBytes: 32 << 20, MemoryLimitBytes: 1 << 30,
	})
	if err != nil {
		return err
	}
	if _, err := migrate.Run(ctx, engine.Conn(), migrate.Options{}); err != nil {
		return err
	}
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.Store, cfg.Queue.Path, cfg.ShutdownTimeout = &storeID, filepath.Join(dir, "queue"), time.Hour
	cfg.Queue.SealAfter, cfg.Queue.SealAfterBusy = time.Millisecond, time.Millisecond
	exp, err := factory.CreateTraces(ctx, exportertest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return err
	}
	host := &testHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storeID: storeExtension{store: engine}}}
	if err := exp.Start(ctx, host); err != nil {
		return err
	}
	if round != "" {
		return sendForEver(ctx, exp, round)
	}
	if err := exp.Shutdown(ctx); err != nil {
		return err
	}
	return errors.Join(printCounts(ctx, engine), engine.Close())
}

func sendForEver(ctx context.Context, exp exporter.Traces, round string) error {
	var mu sync.Mutex
	errs := make(chan error)
	for worker := range 2 {
		go func() {
			for i := 0; ; i++ {
				td := spans(0, spansPerRequest)
				var id [16]byte
				copy(id[:], fmt.Sprintf("%s.%d.%d", round, worker, i))
				for _, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
					sp.SetTraceID(id)
				}
				if err := exp.ConsumeTraces(ctx, td); err != nil {
					errs <- err
					return
				}
				mu.Lock()
				fmt.Println(hex.EncodeToString(id[:]))
				mu.Unlock()
			}
		}()
	}
	return <-errs
}

// printCounts prints "id spans" per trace, then the sums of the table and its rollups.
func printCounts(ctx context.Context, engine *embedded.Engine) error {
	rows, err := engine.Conn().Query(ctx, "SELECT lower(hex(trace_id)), count() FROM events_trace_v1 GROUP BY trace_id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var n uint64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		fmt.Println(id, n)
	}
	var base, index, calls uint64
	err = engine.Conn().QueryRow(ctx, "SELECT toUInt64("+countSpans+"), toUInt64("+countIndex+"), toUInt64("+countCalls+")").Scan(&base, &index, &calls)
	fmt.Println("sums", base, index, calls)
	return errors.Join(rows.Err(), err)
}

func TestKilledUnderLoadEveryAcknowledgedSpanIsThereOnce(t *testing.T) {
	dir, library := t.TempDir(), enginetest.Library(t)
	start := func(round string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashDirEnv+"="+dir, crashRoundEnv+"="+round, crashLibraryEnv+"="+library)
		return cmd
	}
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	acked := map[string]bool{}
	for round := range rounds {
		for _, id := range killAfter(t, start(fmt.Sprint(round)), 1+rand.IntN(150)) {
			acked[id] = true
		}
	}
	require.NotEmpty(t, acked)
	out, err := start("").Output()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	found := map[string]bool{}
	for _, line := range lines[:len(lines)-1] {
		id, n, _ := strings.Cut(line, " ")
		require.Equal(t, fmt.Sprint(spansPerRequest), n, "trace %s is there neither never nor once", id)
		found[id] = true
	}
	for id := range acked {
		require.True(t, found[id], "acknowledged trace %s is missing", id)
	}
	sum := spansPerRequest * len(found)
	require.Equal(t, fmt.Sprintf("sums %d %d %d", sum, sum, sum), lines[len(lines)-1])
}

// killAfter kills the child after n acknowledgements and returns all that it gave.
func killAfter(t *testing.T, cmd *exec.Cmd, n int) []string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var ids []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		ids = append(ids, lines.Text())
		if len(ids) == n {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait()
	require.GreaterOrEqual(t, len(ids), n, stderr.String())
	return ids
}
