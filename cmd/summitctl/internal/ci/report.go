package ci

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/testreport"
)

type reporter struct{ format, shard, owners string }

func reportCommand(s *verb.Shared, p *place) *cobra.Command {
	var r reporter
	cmd := &cobra.Command{
		Use: "report file-or-pattern…", Short: "Send the test reports of this job", Args: cobra.MinimumNArgs(1),
		Long: "Takes JUnit XML, go test -json, the JSON of jest, vitest, playwright and mocha, TRX and TAP; ** in a pattern stands for\n" +
			"any folders, - for standard input. Executions of the same test over all files are told in the files' order: a test\n" +
			"that fails in one and passes in the next is flaky. JUnit files that repeat what a runner's own format tells are left out.\n" +
			"Owners come from the checkout's CODEOWNERS.",
		Example: "  summitctl ci report 'build/**/TEST-*.xml'\n  go test -json ./... | tee tests.json; summitctl ci report tests.json",
		RunE: func(cmd *cobra.Command, patterns []string) error {
			job, err := p.find()
			if err != nil {
				return err
			}
			files, err := expand(patterns)
			if err != nil {
				return err
			}
			reports, err := r.read(cmd.InOrStdin(), files, job.Root)
			if err != nil {
				return err
			}
			body, err := r.pack(reports, job.Root, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			answer, err := newDoor(s.Places().Door).post(cmd.Context(), "/v1/tests?"+r.query(job).Encode(), http.Header{
				"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"},
			}, body)
			if err != nil {
				return err
			}
			return output.Write(cmd.OutOrStdout(), s.Format(), answer, reportGrid)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&r.format, "format", "", "format of all files (default told by each file's beginning)")
	fl.StringVar(&r.shard, "shard", "", "name of the part of the tests that this job runs; no part of a test's identity")
	fl.StringVar(&r.owners, "codeowners", "", "the CODEOWNERS file (default the one of the checkout)")
	return cmd
}

// expand gives the files of all patterns in their order, each once.
func expand(patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		found := []string{p}
		if strings.ContainsAny(p, "*?[") {
			var err error
			if found, err = glob(p); err != nil {
				return nil, exit.With(exit.Usage, fmt.Errorf("pattern %q: %w", p, err))
			}
			if len(found) == 0 {
				return nil, exit.With(exit.NotFound, fmt.Errorf("no file fits %q", p))
			}
		}
		for _, f := range found {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// glob is filepath.Glob with ** for any number of folders.
func glob(pattern string) ([]string, error) {
	if !strings.Contains(pattern, "**") {
		return filepath.Glob(pattern)
	}
	pattern = filepath.ToSlash(pattern)
	root, _, _ := strings.Cut(pattern, "*")
	if i := strings.LastIndexByte(root, '/'); i >= 0 {
		root = root[:i+1]
	} else {
		root = "."
	}
	var out []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "node_modules" || d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		ok, err := matches(strings.Split(pattern, "/"), strings.Split(filepath.ToSlash(name), "/"))
		if ok {
			out = append(out, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return out, err
}

func matches(pattern, name []string) (bool, error) {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(name) + 1 {
				if ok, err := matches(pattern[1:], name[i:]); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}
		if len(name) == 0 {
			return false, nil
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false, err
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0, nil
}

// read parses the files, leaves out what others of them tell better, and names the owners.
func (r *reporter) read(in io.Reader, files []string, root string) ([]*testreport.Report, error) {
	format, err := testreport.ParseFormat(r.format)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("--%w", err))
	}
	owners, err := r.ownersOf(root)
	if err != nil {
		return nil, err
	}
	var reports []*testreport.Report
	for _, file := range files {
		report, err := readFile(in, file, format)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("report %s: %w", file, err))
		}
		owners.Name(report, root, moduleOf(root))
		reports = append(reports, report)
	}
	kept, _ := testreport.Prefer(reports)
	return kept, nil
}

func readFile(in io.Reader, file string, format testreport.Format) (*testreport.Report, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return testreport.Parse(in, format, testreport.Limits{})
}

// ownersOf reads the checkout's CODEOWNERS where GitHub and GitLab look for it; nil when there is none.
func (r *reporter) ownersOf(root string) (*testreport.Owners, error) {
	places := []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
	if r.owners != "" {
		root, places = "", []string{r.owners}
	}
	for _, place := range places {
		f, err := os.Open(filepath.Join(root, place))
		if errors.Is(err, fs.ErrNotExist) && r.owners == "" {
			continue
		}
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("open CODEOWNERS: %w", err))
		}
		defer f.Close()
		return testreport.ParseOwners(f)
	}
	return nil, nil
}

// moduleOf is the path of the Go module in the checkout's root.
func moduleOf(root string) string {
	raw, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(strings.TrimSpace(rest), `"`)
		}
	}
	return ""
}

// pack writes the cases of all reports as lines of JSON and says what of the reports couldn't be kept.
func (r *reporter) pack(reports []*testreport.Report, root string, talk io.Writer) ([]byte, error) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	enc := json.NewEncoder(zw)
	cases := 0
	for _, report := range reports {
		for reason, n := range report.Lost {
			if n > 0 && reason != "not_an_event" { // words between the events of go test are no loss
				fmt.Fprintf(talk, "summitctl: %d parts of a %s report are left out: %s\n", n, report.Format, reason)
			}
		}
		for _, c := range report.Cases {
			cases++
			if err := enc.Encode(rootless(*c, root)); err != nil {
				return nil, fmt.Errorf("encode %s: %w", c.Name, err)
			}
		}
	}
	if cases == 0 {
		return nil, exit.With(exit.NotFound, errors.New("the reports hold no test"))
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("pack the reports: %w", err)
	}
	return packed.Bytes(), nil
}

// rootless takes the checkout's folder off the names of a test: the door doesn't know it.
func rootless(c testreport.Case, root string) testreport.Case {
	if root == "" {
		return c
	}
	root = strings.TrimSuffix(root, "/") + "/"
	c.File = strings.TrimPrefix(c.File, root)
	c.Suite = strings.ReplaceAll(c.Suite, root, "")
	return c
}

func (r *reporter) query(job *Job) url.Values {
	q := url.Values{"format": {string(testreport.Summit)}, "attempt": {strconv.Itoa(int(job.Run.Attempt))}}
	for key, value := range map[string]string{
		"provider": job.Run.Provider, "host": job.Run.Host, "repo": job.Run.Repo, "run_id": job.Run.RunID, "task_id": job.ID,
		"commit_sha": job.CommitSHA, "branch": job.Branch, "shard": r.shard,
	} {
		verb.Put(q, key, value)
	}
	return q
}

func reportGrid(raw json.RawMessage) ([]output.Grid, error) {
	var t testreport.Tally
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("read the door's answer: %w", err)
	}
	g := output.Grid{Header: []string{"TESTS", "PASSED", "FAILED", "ERRORED", "SKIPPED", "FLAKY"}}
	g.Add(strconv.Itoa(t.Total), strconv.Itoa(t.Passed), strconv.Itoa(t.Failed), strconv.Itoa(t.Errored), strconv.Itoa(t.Skipped), strconv.Itoa(t.Flaky))
	return []output.Grid{g}, nil
}
