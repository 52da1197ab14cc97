package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/summitobs/summit/testbed/load"
)

// The queue's own work in a profile. Its loop calls the exporter to insert a segment, which is not the queue's; packing
// and unpacking a record is, and lies outside its package.
const (
	queueLoop   = `internal/blockqueue\.`
	queueRecord = `internal/clickhouse/segment\.(AppendRecord|unpack)$`
	notQueue    = `clickhouseexporter\.\(\*drainer\)\.consume`
)

// queue measures the durable queue's processor time, from a profile of the collector while it takes spans: packing,
// checksums, writing, syncing, reading back and unpacking. Collecting its garbage isn't in it.
func (b *bench) queue(ctx context.Context) error {
	length := 15*time.Second + time.Duration(float64(b.total)/b.sustained*float64(time.Second))
	file := filepath.Join(b.dir, "cpu.pprof")
	profiled := make(chan error, 1)
	go func() { profiled <- b.profile(ctx, file, length) }()
	o, err := b.once(ctx, load.Settings{Signal: load.Spans, Seed: 101})
	if err := errors.Join(err, <-profiled); err != nil {
		return err
	}
	if o.whole > length {
		return fmt.Errorf("the profile of %s ended before the rows were stored, which took %s", length, o.whole)
	}
	loop, err := profiledTime(ctx, file, queueLoop, notQueue)
	if err != nil {
		return err
	}
	record, err := profiledTime(ctx, file, queueRecord, "")
	if err != nil {
		return err
	}
	millions := float64(o.Items) / 1e6
	b.add("write.queue.cpu", (loop+record).Seconds()/millions, "cpu-s/M",
		fmt.Sprintf("of spans, from a CPU profile: packing and unpacking %.2g, frames, fsync and reading back %.2g", record.Seconds()/millions, loop.Seconds()/millions))
	return nil
}

func (b *bench) profile(ctx context.Context, file string, length time.Duration) (err error) {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.pprof, int(length.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile the collector: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile the collector: %s", resp.Status)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}

// profiledTime is the time of the samples whose stack has a frame that matches focus and none that matches ignore.
func profiledTime(ctx context.Context, file, focus, ignore string) (time.Duration, error) {
	args := []string{"tool", "pprof", "-top", "-unit=ms", "-nodefraction=0", "-edgefraction=0", "-focus=" + focus}
	if ignore != "" {
		args = append(args, "-ignore="+ignore)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, file)...).Output()
	if err != nil {
		return 0, fmt.Errorf("read the profile: %w", err)
	}
	return accounted(out)
}

var accountedLine = regexp.MustCompile(`Showing nodes accounting for ([0-9.]+)ms`)

func accounted(top []byte) (time.Duration, error) {
	m := accountedLine.FindSubmatch(top)
	if m == nil {
		return 0, fmt.Errorf("read the profile: no total in %.300q", top)
	}
	ms, err := strconv.ParseFloat(string(m[1]), 64)
	return time.Duration(ms * float64(time.Millisecond)), err
}
