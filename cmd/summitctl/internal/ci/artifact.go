package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

type artifacts struct{ digest, name, version, service, url string }

func artifactCommand(s *verb.Shared, p *place) *cobra.Command {
	var a artifacts
	cmd := &cobra.Command{
		Use: "artifact [file…]", Short: "Say what this run has built: files by their content, images by their digest",
		Example: "  summitctl ci artifact dist/shop.tar.gz --version 1.4.2 --service shop\n" +
			"  summitctl ci artifact --digest sha256:… --name ghcr.io/acme/shop --service shop",
		RunE: func(cmd *cobra.Command, files []string) error {
			job, err := p.find()
			if err != nil {
				return err
			}
			events, err := a.events(job, files, time.Now())
			if err != nil {
				return err
			}
			answer, err := newDoor(s.Places().Door).sendEvents(cmd.Context(), events)
			if err != nil {
				return err
			}
			return output.Write(cmd.OutOrStdout(), s.Format(), answer, func(json.RawMessage) ([]output.Grid, error) {
				g := output.Grid{Header: []string{"ARTIFACT", "DIGEST", "RUN"}}
				for _, e := range events {
					g.Add(fmt.Sprint(e["name"]), fmt.Sprint(e["digest"]), job.Run.ID())
				}
				return []output.Grid{g}, nil
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&a.digest, "digest", "", "digest of an image or of a file that isn't here, for example sha256:…")
	fl.StringVar(&a.name, "name", "", "name of the image or file (default the file's)")
	fl.StringVar(&a.version, "version", "", "version that was built")
	fl.StringVar(&a.service, "service", "", "service.name of what runs it")
	fl.StringVar(&a.url, "link", "", "where it is kept")
	return cmd
}

func (a *artifacts) events(job *Job, files []string, now time.Time) ([]map[string]any, error) {
	if (a.digest == "") == (len(files) == 0) {
		return nil, exit.With(exit.Usage, fmt.Errorf("name either files or --digest"))
	}
	if a.name != "" && len(files) > 1 {
		return nil, exit.With(exit.Usage, fmt.Errorf("--name goes with one file, got %d", len(files)))
	}
	if a.digest != "" {
		return []map[string]any{a.event(job, a.digest, a.name, now)}, nil
	}
	var out []map[string]any
	for _, file := range files {
		digest, err := digestOf(file)
		if err != nil {
			return nil, err
		}
		out = append(out, a.event(job, digest, or(a.name, filepath.Base(file)), now))
	}
	return out, nil
}

func (a *artifacts) event(job *Job, digest, name string, now time.Time) map[string]any {
	e := job.event("artifact")
	e["digest"], e["run_id"], e["attempt"], e["repository_id"] = digest, job.Run.RunID, job.Run.Attempt, job.Trace.RepoID
	e["updated_at"] = now.UTC().Format(time.RFC3339Nano)
	set(e, "name", name)
	set(e, "version", a.version)
	set(e, "service", a.service)
	set(e, "task_id", job.ID)
	set(e, "branch", job.Branch)
	set(e, "url", a.url)
	return e
}

func digestOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", exit.With(exit.Usage, fmt.Errorf("open artifact: %w", err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read artifact %s: %w", file, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
