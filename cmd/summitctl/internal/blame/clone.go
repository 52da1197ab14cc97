package blame

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/queryd/history"
)

// maxListed is the most commits that are read from a clone.
const maxListed = "5000"

// between reads the commits that bad has and good has not, the oldest first, with all their files. It asks git itself: who
// has a clone has git, and it knows alternates, shallow clones and partial ones, which a library would have to.
func between(ctx context.Context, repo, good, bad string) ([]*history.Commit, error) {
	for _, sha := range []string{good, bad} {
		if len(sha) < 7 || strings.Trim(sha, "0123456789abcdef") != "" {
			return nil, exit.With(exit.Failed, fmt.Errorf("%q is no hash of a commit", sha))
		}
		if _, err := git(ctx, repo, "cat-file", "-e", sha+"^{commit}"); err != nil {
			return nil, &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("find commit %s in %s: %w", sha, repo, err), Hint: "`git fetch` it, or name another clone with --repo"}
		}
	}
	out, err := git(ctx, repo, "log", "--reverse", "--no-renames", "--name-only", "-m", "--first-parent", "-z", "-n", maxListed,
		"--format=%x01%H%x02%cI%x02%an%x02%s%x02", good+".."+bad, "--")
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("read the commits from %s to %s: %w", good, bad, err))
	}
	return parse(out)
}

func git(ctx context.Context, repo string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", repo, "--no-pager"}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	if said := strings.TrimSpace(talk.String()); err != nil && said != "" {
		err = errors.New(said)
	}
	return out.Bytes(), err
}

// parse reads what git wrote: a record begins with the byte 1, its fields end with the byte 2, names of files with a zero.
func parse(out []byte) ([]*history.Commit, error) {
	var commits []*history.Commit
	for _, record := range strings.Split(string(out), "\x01")[1:] {
		fields := strings.SplitN(record, "\x02", 5)
		if len(fields) != 5 {
			return nil, exit.With(exit.Failed, fmt.Errorf("read git's answer: a record has %d fields of 5", len(fields)))
		}
		at, err := time.Parse(time.RFC3339, fields[1])
		if err != nil {
			return nil, exit.With(exit.Failed, fmt.Errorf("read git's answer: %w", err))
		}
		c := &history.Commit{SHA: fields[0], At: at.UTC(), Author: fields[2], Message: fields[3], FilesKnown: true}
		for _, f := range strings.Split(fields[4], "\x00") {
			if f = strings.Trim(f, "\n"); f != "" {
				c.Files = append(c.Files, f)
			}
		}
		commits = append(commits, c)
	}
	return commits, nil
}
