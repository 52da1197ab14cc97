package testreportreceiver

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/testreport"
)

// maxParam is the longest value of a parameter in bytes.
const maxParam = 1024

// params are the parameters of a request. Each may stand in the query or in a header of its name after "Summit-", with
// hyphens for underscores.
type params struct {
	values  map[string]string
	problem *problem
}

// names of all parameters.
var names = []string{
	"provider", "host", "repo", "run_id", "attempt", "build_run_id", "task_id", "pipeline", "branch", "commit_sha", "format", "shard", "root", "module",
}

func read(req *http.Request) *params {
	p := &params{values: make(map[string]string)}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		p.problem = newProblem(http.StatusBadRequest, "query", "the query can't be read: "+err.Error())
		return p
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(names, name) {
			p.wrong(name, "is no parameter of a report", names...)
		}
		if len(query[name]) > 1 {
			p.wrong(name, "is given more than once")
		}
	}
	for _, name := range names {
		v := query.Get(name)
		if v == "" {
			v = req.Header.Get("Summit-" + strings.ReplaceAll(name, "_", "-"))
		}
		if len(v) > maxParam {
			p.wrong(name, fmt.Sprintf("is longer than %d bytes", maxParam))
		}
		p.values[name] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return p
}

// wrong keeps the first problem.
func (p *params) wrong(name, detail string, allowed ...string) {
	if p.problem == nil {
		p.problem = wrongField(name, detail, allowed...)
	}
}

func (p *params) or(name, fallback string) string {
	if v := p.values[name]; v != "" {
		return v
	}
	return fallback
}

// place is the run that the report is of.
func (p *params) place(now time.Time) testreport.Place {
	return testreport.Place{
		Run: p.run(), TaskID: p.values["task_id"], Pipeline: p.values["pipeline"], Branch: p.values["branch"], CommitSHA: p.commit(),
		Shard: p.values["shard"], Root: p.values["root"], Received: now,
	}
}

// run reads the run by its id in Summit, or by its parts.
func (p *params) run() build.RunKey {
	if id := p.values["build_run_id"]; id != "" {
		key, ok := build.ParseRunID(id)
		if !ok {
			p.wrong("build_run_id", `must be "provider:host:owner/repo:run:attempt"`)
		}
		if p.values["run_id"] != "" || p.values["attempt"] != "" {
			p.wrong("build_run_id", "names the run already; leave out run_id and attempt")
		}
		return key
	}
	key := build.RunKey{Provider: p.or("provider", "generic"), Host: p.or("host", "local"), Repo: p.values["repo"], RunID: p.values["run_id"]}
	if key.Repo == "" {
		p.wrong("repo", `must name the repository or project, for example "acme/shop"`)
	}
	if key.RunID == "" {
		p.wrong("run_id", "must name the run at its provider; or give build_run_id")
	}
	for _, name := range []string{"provider", "repo", "run_id"} {
		if strings.ContainsRune(p.values[name], ':') {
			p.wrong(name, "must not contain a colon")
		}
	}
	n, err := strconv.ParseUint(p.or("attempt", "1"), 10, 16)
	if err != nil || n == 0 {
		p.wrong("attempt", "must be a number from 1 to 65535")
	}
	key.Attempt = uint16(n)
	return key
}

func (p *params) commit() string {
	s := strings.ToLower(p.values["commit_sha"])
	if s != "" && (len(s) < 7 || len(s) > 64 || strings.Trim(s, "0123456789abcdef") != "") {
		p.wrong("commit_sha", "must be a commit hash of 7 to 64 hexadecimal digits")
	}
	return s
}

func (p *params) format() testreport.Format {
	f, err := testreport.ParseFormat(p.values["format"])
	if err != nil {
		p.wrong("format", fmt.Sprintf("%q is no format of a report", p.values["format"]), formats()...)
	}
	return f
}
