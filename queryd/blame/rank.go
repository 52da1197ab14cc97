package blame

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
)

// Suspect is a commit that may have brought the fault.
type Suspect struct {
	Rank       int               `json:"rank"`
	Commit     history.CommitRef `json:"commit"`
	Score      float64           `json:"score" doc:"Share of the suspicion, 0 to 1; what is missing to 1 is on none of the listed"`
	Confidence string            `json:"confidence" enum:"high,medium,low"`
	Reasons    []Reason          `json:"reasons" nullable:"false" doc:"The weightiest first"`
}

// Reason is why a commit is suspected, or why less.
type Reason struct {
	Kind   string   `json:"kind" enum:"frame_file,frame_dir,frame_name,test_file,only_commit,newest,churn,revert,dependency,harmless,no_files"`
	Weight float64  `json:"weight" doc:"Added to the logarithm of the odds"`
	Text   string   `json:"text"`
	Files  []string `json:"files" nullable:"false"`
}

// Case is what is known of a fault.
type Case struct {
	// Commits are those of the window, the oldest first.
	Commits []*history.Commit
	// Complete tells that no commit of the window is unknown.
	Complete bool
	// Frames are of the stack, the innermost first.
	Frames []query.Frame
	// Title is the error's type and message, or the failed job's.
	Title string
	// Tests are those that began to fail.
	Tests []history.TestRef
}

// Weights are logarithms of odds, set by hand from what each says and checked by `make bench-evidence` on planted faults.
const (
	weightFrameFile  = 3.2
	weightFrameDir   = 1.0
	weightFrameName  = 1.2
	weightTestFile   = 2.0
	weightTestStem   = 2.4
	weightOnly       = 1.0
	weightNewest     = 0.25
	weightRevert     = -1.0
	weightDependency = 1.0
	weightHarmless   = -2.5
	// frameDecay is how much less each frame further out says than the one within it.
	frameDecay = 0.75
	// churnFiles is the size from which a commit touches files by chance.
	churnFiles = 12
)

// Rank orders the commits by suspicion. Commits whose files nobody told are neither cleared nor accused.
func Rank(c Case) []Suspect {
	out := make([]Suspect, 0, len(c.Commits))
	odds := make([]float64, 0, len(c.Commits))
	for i, commit := range c.Commits {
		s := Suspect{Commit: commit.Ref(), Reasons: c.reasons(commit, i)}
		sum := 0.0
		for _, r := range s.Reasons {
			sum += r.Weight
		}
		slices.SortStableFunc(s.Reasons, func(a, b Reason) int { return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)) })
		out, odds = append(out, s), append(odds, math.Exp(sum))
	}
	// Somebody who isn't listed: little where all commits are known, as much as a suspect with a clue where not.
	total := 0.5
	if !c.Complete {
		total = math.E
	}
	for _, o := range odds {
		total += o
	}
	for i := range out {
		out[i].Score = math.Round(odds[i]/total*1e4) / 1e4
		out[i].Confidence = confidence(&out[i])
	}
	// Of equals the later one is more likely: the fault was seen after it.
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Suspect) int { return cmp.Compare(b.Score, a.Score) })
	for i := range out {
		out[i].Rank = i + 1
	}
	return out
}

// strongClue is the weight that a reason of a highly likely suspect has.
const strongClue = 1.5

// confidence asks for a clue besides a large share.
func confidence(s *Suspect) string {
	clue, strong := false, false
	for _, r := range s.Reasons {
		clue = clue || r.Weight > 0 && r.Kind != "newest"
		strong = strong || r.Weight >= strongClue || r.Kind == "only_commit"
	}
	switch {
	case s.Score >= 0.6 && strong:
		return "high"
	case s.Score >= 0.3 && clue:
		return "medium"
	default:
		return "low"
	}
}

func (c *Case) reasons(commit *history.Commit, at int) []Reason {
	rs := []Reason{}
	add := func(kind string, weight float64, files []string, format string, args ...any) {
		if files == nil {
			files = []string{}
		}
		rs = append(rs, Reason{Kind: kind, Weight: math.Round(weight*100) / 100, Text: fmt.Sprintf(format, args...), Files: files})
	}
	if len(c.Commits) == 1 {
		add("only_commit", weightOnly, nil, "It is the only commit in the window.")
	} else if at == len(c.Commits)-1 {
		add("newest", weightNewest, nil, "It is the newest commit in the window.")
	}
	if _, revert := history.IsRevert(commit.Message); revert {
		add("revert", weightRevert, nil, "It takes an earlier change back.")
	}
	if len(commit.Files) == 0 {
		if !commit.FilesKnown {
			add("no_files", 0, nil, "Nobody told which files it changed.")
		}
		return rs
	}
	c.code(commit, add)
	return rs
}

// code looks for the changed files in the stack and in the tests.
func (c *Case) code(commit *history.Commit, add func(string, float64, []string, string, ...any)) {
	// A file among many is there by chance more often.
	dilution := 1 / (1 + math.Log1p(float64(max(len(commit.Files)-churnFiles, 0))/churnFiles))
	if hit := c.inFrames(commit.Files); hit.file != "" {
		add("frame_file", weightFrameFile*hit.decay*dilution, []string{hit.file}, "It changed %s, which is in the stack%s.", hit.file, hit.where())
	} else if hit.dir != "" {
		add("frame_dir", weightFrameDir*hit.dirDecay*dilution, []string{hit.dir}, "It changed %s, beside a file in the stack.", hit.dir)
	}
	if word, file := c.named(commit); word != "" {
		add("frame_name", weightFrameName*dilution, nonEmpty(file), "%s names %s, which the error is about.", cmp.Or(file, "Its message"), word)
	}
	if test, file, stem := c.inTests(commit.Files); file != "" {
		weight, how := weightTestFile, "is the file of"
		if stem {
			weight, how = weightTestStem, "is what is tested by"
		}
		add("test_file", weight*dilution, []string{file}, "%s %s %s, which began to fail.", file, how, test.Name)
	}
	if file := dependencyFile(commit.Files); file != "" && !c.ownCodeOnTop() {
		add("dependency", weightDependency, []string{file}, "It changed %s, and the stack ends in code that isn't ours.", file)
	}
	if len(commit.Files) > churnFiles && dilution < 1 {
		add("churn", 0, nil, "It changed %d files, so that each of them says less.", len(commit.Files))
	}
	if commit.FilesKnown && !slices.ContainsFunc(commit.Files, mayBreak) {
		add("harmless", weightHarmless, nil, "It changed only documentation.")
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// frameHit is the best place of a commit's files in a stack.
type frameHit struct {
	file, dir       string
	decay, dirDecay float64
	depth           int
}

func (h frameHit) where() string {
	if h.depth == 0 {
		return ", at its top"
	}
	return fmt.Sprintf(", %d frames below the top", h.depth)
}

// inFrames finds the innermost frame of our own code that names one of the files.
func (c *Case) inFrames(files []string) frameHit {
	var hit frameHit
	decay, depth := 1.0, 0
	for _, f := range c.ownFrames() {
		for _, file := range files {
			if hit.file == "" && sameFile(f, file) {
				hit.file, hit.decay, hit.depth = file, decay, depth
			}
			if hit.dir == "" && mayBreak(file) && sameFolder(f, file) {
				hit.dir, hit.dirDecay = file, decay
			}
		}
		decay *= frameDecay
		depth++
	}
	return hit
}

// ownFrames are the frames of our own code, or all where no frame says whose it is.
func (c *Case) ownFrames() []query.Frame {
	own := make([]query.Frame, 0, len(c.Frames))
	for _, f := range c.Frames {
		if f.InApp {
			own = append(own, f)
		}
	}
	if len(own) == 0 {
		return c.Frames
	}
	return own
}

func (c *Case) ownCodeOnTop() bool { return len(c.Frames) == 0 || c.Frames[0].InApp }

// sameFile compares the ends of two paths by whole names; one of them may be a part of the other. A frame without a file
// is compared by its module, as Java and Python write it.
func sameFile(f query.Frame, file string) bool {
	frame := strings.ReplaceAll(f.File, `\`, "/")
	if frame == "" {
		return false
	}
	if strings.Contains(frame, "/") {
		return suffixOf(file, frame) || suffixOf(frame, file)
	}
	if path.Base(file) != frame {
		return false
	}
	// A bare file name is common; the module must not speak against it.
	folder := path.Base(path.Dir(file))
	return f.Module == "" || folder == "." || strings.Contains(strings.ToLower(f.Module), strings.ToLower(folder))
}

func suffixOf(part, whole string) bool { return whole == part || strings.HasSuffix(whole, "/"+part) }

func sameFolder(f query.Frame, file string) bool {
	a, b := path.Dir(strings.ReplaceAll(f.File, `\`, "/")), path.Dir(file)
	if a == "." || b == "." {
		return false
	}
	return suffixOf(b, a) || suffixOf(a, b)
}

// named finds a word of the error's title or of the top frame's function that a changed file or the message names.
func (c *Case) named(commit *history.Commit) (word, file string) {
	words := identifiers(c.Title)
	if own := c.ownFrames(); len(own) > 0 {
		words = append(words, identifiers(own[0].Function)...)
	}
	message := identifiers(commit.Message)
	for _, w := range words {
		for _, f := range commit.Files {
			if slices.Contains(identifiers(stem(f)), w) {
				return w, f
			}
		}
		if slices.Contains(message, w) {
			return w, ""
		}
	}
	return "", ""
}

// common words are in every error and every message.
var common = map[string]bool{
	"error": true, "exception": true, "failed": true, "failure": true, "with": true, "from": true, "that": true, "this": true, "null": true, "none": true,
	"pointer": true, "index": true, "main": true, "test": true, "tests": true, "handler": true, "invalid": true, "runtime": true, "value": true, "type": true,
	"java": true, "lang": true, "call": true, "func": true, "update": true, "change": true, "fix": true, "build": true, "java.lang": true,
}

// identifiers splits a text at everything that isn't a letter or digit and at capitals, in lower case; short and common words
// are left out.
func identifiers(s string) []string {
	var out []string
	flush := func(w string) {
		if w = strings.ToLower(w); len(w) >= 4 && !common[w] {
			out = append(out, w)
		}
	}
	start, lower := 0, false
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		upper := r >= 'A' && r <= 'Z'
		if !letter && !upper || upper && lower {
			flush(s[start:i])
			start = i
			if !upper {
				start = i + len(string(r))
			}
		}
		lower = letter
	}
	flush(s[start:])
	return out
}

// inTests finds a changed file that is the file of a test that began to fail, or what that test is about by its name.
func (c *Case) inTests(files []string) (test history.TestRef, file string, tested bool) {
	for _, t := range c.Tests {
		for _, f := range files {
			if t.File != "" && (suffixOf(f, t.File) || suffixOf(t.File, f)) {
				test, file = t, f
				continue
			}
			if t.File != "" && mayBreak(f) && stem(f) == testedStem(t.File) && (path.Dir(f) == path.Dir(t.File) || len(stem(f)) >= 6) {
				return t, f, true
			}
		}
	}
	return test, file, false
}

// stem is a file's name without folder and endings.
func stem(file string) string {
	base, _, _ := strings.Cut(path.Base(file), ".")
	return base
}

// testedStem is what a test's file is about: pay_test.go, test_pay.py, pay.test.ts and PayTest.java are about pay.
func testedStem(file string) string {
	s := stem(file)
	for _, affix := range []string{"_test", "_spec", "Tests", "Test", "Spec"} {
		s = strings.TrimSuffix(s, affix)
	}
	return strings.TrimPrefix(s, "test_")
}

var dependencyFiles = []string{
	"go.mod", "go.sum", "package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "requirements.txt", "poetry.lock", "Pipfile.lock", "uv.lock",
	"pom.xml", "build.gradle", "build.gradle.kts", "gradle.lockfile", "Cargo.toml", "Cargo.lock", "Gemfile.lock", "composer.lock",
}

func dependencyFile(files []string) string {
	for _, f := range files {
		if slices.Contains(dependencyFiles, path.Base(f)) {
			return f
		}
	}
	return ""
}

// mayBreak tells files that run, or decide what runs.
func mayBreak(file string) bool {
	switch path.Ext(file) {
	case ".md", ".rst", ".adoc", ".txt", ".svg", ".png", ".jpg", ".gif":
		return path.Base(file) == "requirements.txt" || path.Base(file) == "CMakeLists.txt"
	}
	base := path.Base(file)
	return base != "LICENSE" && base != "CODEOWNERS" && base != ".gitignore"
}
