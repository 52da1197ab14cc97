// Package faults makes the history of a repository with planted faults, and measures how often the commit that brought a
// fault is the first suspect. It knows who brought it from the planting and nothing of how suspects are ranked.
package faults

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/summitobs/summit/queryd/blame"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
)

// Options of a repository.
type Options struct {
	Seed uint64
	// Faults is how many are planted. Default 400.
	Faults int
	// MostCommits is the most commits between two deployments. Default 12.
	MostCommits int
}

// Fault is a planted fault as production shows it.
type Fault struct {
	Case blame.Case
	// Culprit is the commit that brought it.
	Culprit string
	// Shown tells where the culprit's file is seen: "top", "below" or "nowhere" in the stack.
	Shown string
}

// Result is how well the suspects were ranked.
type Result struct {
	Faults, First, Third int
	// FirstShown and Shown are the same by where the culprit's file was seen.
	FirstShown, Shown map[string]int
	// HighWrong counts suspects called highly likely who were not the culprit, High all who were called so.
	High, HighWrong int
	// Guess is how often the newest commit of the window alone would have been right.
	Guess int
}

// Rank1 is the share of faults whose culprit is first.
func (r Result) Rank1() float64 { return float64(r.First) / float64(max(r.Faults, 1)) }

// Judge ranks the suspects of all faults.
func Judge(faults []Fault) Result {
	r := Result{FirstShown: map[string]int{}, Shown: map[string]int{}}
	for _, f := range faults {
		r.Faults++
		r.Shown[f.Shown]++
		suspects := blame.Rank(f.Case)
		for i, s := range suspects {
			if s.Commit.SHA != f.Culprit {
				continue
			}
			if i == 0 {
				r.First++
				r.FirstShown[f.Shown]++
			}
			if i < 3 {
				r.Third++
			}
		}
		if len(suspects) > 0 && suspects[0].Confidence == "high" {
			r.High++
			if suspects[0].Commit.SHA != f.Culprit {
				r.HighWrong++
			}
		}
		if f.Case.Commits[len(f.Case.Commits)-1].SHA == f.Culprit {
			r.Guess++
		}
	}
	return r
}

// language is how a stack of a runtime names files.
type language struct {
	ext, root string
	frame     func(m *maker, file string) query.Frame
}

var languages = []language{
	{".go", "internal", func(m *maker, f string) query.Frame { return query.Frame{File: "/src/" + f, Module: path.Dir(f)} }},
	{".py", "app", func(m *maker, f string) query.Frame {
		return query.Frame{File: "/srv/" + f, Module: strings.ReplaceAll(strings.TrimSuffix(f, ".py"), "/", ".")}
	}},
	{".ts", "src", func(m *maker, f string) query.Frame { return query.Frame{File: f} }},
	{".java", "src/main/java/com/acme", func(m *maker, f string) query.Frame {
		module := strings.TrimPrefix(strings.TrimSuffix(f, ".java"), "src/main/java/")
		return query.Frame{File: path.Base(f), Module: strings.ReplaceAll(module, "/", ".")}
	}},
}

var domains = []string{"cart", "pricing", "payment", "inventory", "shipping", "account", "search", "catalog", "notify", "session", "review", "voucher"}

var roles = []string{"service", "store", "client", "model", "rules", "format", "worker", "cache", "validator", "router"}

type maker struct {
	*rand.Rand
	lang  language
	files []string
	// calls are the files that a file's code calls.
	calls map[string][]string
	now   time.Time
	made  int
}

// New plants faults in repositories of four languages. The same options give the same faults.
func New(o Options) []Fault {
	if o.Faults == 0 {
		o.Faults = 400
	}
	if o.MostCommits == 0 {
		o.MostCommits = 12
	}
	m := &maker{Rand: rand.New(rand.NewPCG(o.Seed, 7)), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	out := make([]Fault, 0, o.Faults)
	for len(out) < o.Faults {
		if len(out)%50 == 0 {
			m.repository(languages[len(out)/50%len(languages)])
		}
		out = append(out, m.fault(1+m.IntN(o.MostCommits)))
	}
	return out
}

// repository lays out packages and who calls whom.
func (m *maker) repository(l language) {
	m.lang, m.files, m.calls = l, nil, map[string][]string{}
	for _, d := range domains {
		for _, r := range roles {
			name := d + "_" + r
			if l.ext == ".java" {
				name = strings.ToUpper(d[:1]) + d[1:] + strings.ToUpper(r[:1]) + r[1:]
			}
			m.files = append(m.files, path.Join(l.root, d, name+l.ext))
		}
	}
	for _, f := range m.files {
		for range 3 {
			m.calls[f] = append(m.calls[f], m.near(f))
		}
	}
}

// near is mostly a file of the same package.
func (m *maker) near(file string) string {
	if m.Float64() < 0.6 {
		for range 20 {
			f := m.files[m.IntN(len(m.files))]
			if path.Dir(f) == path.Dir(file) && f != file {
				return f
			}
		}
	}
	return m.files[m.IntN(len(m.files))]
}

func (m *maker) sha() string {
	m.made++
	return fmt.Sprintf("%08x%08x%024x", m.Uint32(), m.Uint32(), m.made)
}

// commit changes code, mostly of one package, with its test; sometimes only words, dependencies or half of the repository.
func (m *maker) commit(about string) *history.Commit {
	m.now = m.now.Add(time.Duration(10+m.IntN(300)) * time.Minute)
	c := &history.Commit{Provider: "github", Host: "github.com", Repo: "acme/shop", SHA: m.sha(), Branch: "main", At: m.now, FilesKnown: true, Author: "dev"}
	c.Message = fmt.Sprintf("%s %s", []string{"Improve", "Rework", "Extend", "Simplify"}[m.IntN(4)], words(about))
	switch p := m.Float64(); {
	case p < 0.08:
		c.Files, c.Message = []string{"README.md", "docs/guide.md"}, "Explain the set-up"
	case p < 0.14:
		c.Files, c.Message = []string{"go.mod", "go.sum", "package-lock.json"}, "Bump dependencies"
	case p < 0.19:
		for range 30 + m.IntN(60) {
			c.Files = append(c.Files, m.files[m.IntN(len(m.files))])
		}
		c.Message = "Format everything"
	default:
		c.Files = append(c.Files, about)
		for range m.IntN(4) {
			c.Files = append(c.Files, m.near(about))
		}
		if m.Float64() < 0.5 {
			c.Files = append(c.Files, testOf(about))
		}
		if m.Float64() < 0.3 {
			c.Message = "Small things"
		}
	}
	if m.Float64() < 0.06 {
		c.Files, c.FilesKnown = nil, false // the provider's event was lost
	}
	return c
}

func testOf(file string) string {
	return strings.TrimSuffix(file, path.Ext(file)) + "_test" + path.Ext(file)
}

func words(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path.Base(file), path.Ext(file)), "_", " ")
}

func camel(text string) string {
	out := ""
	for _, word := range strings.Fields(text) {
		out += strings.ToUpper(word[:1]) + word[1:]
	}
	return out
}

// fault plants one into a window of commits: the culprit changes a file whose code breaks itself, or breaks a caller, or
// breaks something that its stack never shows.
func (m *maker) fault(commits int) Fault {
	var f Fault
	culprit := m.IntN(commits)
	var broken string
	for i := range commits {
		about := m.files[m.IntN(len(m.files))]
		c := m.commit(about)
		for i == culprit && (len(c.Files) == 0 && m.Float64() < 0.9 || len(c.Files) > 0 && path.Ext(c.Files[0]) != m.lang.ext) {
			c = m.commit(about)
		}
		if i == culprit {
			f.Culprit, broken = c.SHA, about
			if len(c.Files) > 0 {
				broken = c.Files[m.IntN(min(len(c.Files), 3))]
				if strings.Contains(broken, "_test") {
					broken = c.Files[0]
				}
			}
		}
		f.Case.Commits = append(f.Case.Commits, c)
	}
	f.Case.Complete = true
	f.Case.Frames, f.Shown = m.stack(broken)
	top := f.Case.Frames[0]
	f.Case.Title = fmt.Sprintf("%s: cannot %s", []string{"TypeError", "IllegalStateException", "KeyError", "panic"}[m.IntN(4)], top.Function)
	return f
}

// stack runs from the innermost frame outwards: the broken file's own, some callers, and the framework's around them.
func (m *maker) stack(broken string) (frames []query.Frame, shown string) {
	chain := []string{broken}
	shown = "top"
	switch p := m.Float64(); {
	case p < 0.22: // what it calls broke, since it called it wrongly
		shown = "below"
		for range 1 + m.IntN(3) {
			callee := m.calls[chain[0]]
			if len(callee) == 0 {
				break
			}
			chain = append([]string{callee[m.IntN(len(callee))]}, chain...)
		}
	case p < 0.32: // what it wrote is read elsewhere later
		shown = "nowhere"
		chain = []string{m.near(broken)}
	}
	for range 1 + m.IntN(4) {
		chain = append(chain, m.near(chain[len(chain)-1]))
	}
	if m.Float64() < 0.2 {
		frames = append(frames, query.Frame{Module: "vendor.lib", Function: "invoke", File: "/usr/lib/lib" + m.lang.ext})
	}
	for _, file := range chain {
		frame := m.lang.frame(m, file)
		frame.InApp, frame.Line = true, uint32(1+m.IntN(400))
		frame.Function = "do" + camel(words(file))
		frames = append(frames, frame)
	}
	return append(frames, query.Frame{Module: "net.http", Function: "serve", File: "/usr/lib/http" + m.lang.ext}), shown
}
