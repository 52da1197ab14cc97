package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	sb "github.com/summitobs/summit/internal/sqlbuild"
)

// Keys of a test case's attrs.
const (
	keyTestID    = envelope.AttrTestID
	keySuite     = envelope.AttrTestSuite
	keyFramework = envelope.AttrTestFramework
	keyOwner     = envelope.AttrTestOwner
	keyOutcomes  = envelope.AttrTestOutcomes
	keyFile      = "code.file.path"
)

// Outcome is how a test ended in a run, all its executions together.
type Outcome byte

// The outcomes; their letters are those of the matrix of tests and runs.
const (
	Pass  Outcome = 'p'
	Fail  Outcome = 'f'
	Flaky Outcome = 'F' // failed, then passed in the same run
	Skip  Outcome = 's'
	Error Outcome = 'e' // ran into a time limit, or was broken off
)

// Word is the outcome as answers have it.
func (o Outcome) Word() string {
	switch o {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case Flaky:
		return "flaky"
	case Skip:
		return "skip"
	default:
		return "error"
	}
}

// TestIdentity says which test it is and where it lives.
type TestIdentity struct {
	TestID, Repo, Name, Suite, File, Owner, Framework string
}

// TestResult is one test in one run.
type TestResult struct {
	TestIdentity
	build.RunKey
	// SuiteID is the row of the suite that held it.
	SuiteID string
	Outcome Outcome
	// Outcomes are all executions in their order, "pass" or "fail".
	Outcomes []string
	Duration time.Duration
	Message  string
	ErrorFP  string
	At       time.Time
}

// Failed tells whether any execution failed.
func (t *TestResult) Failed() bool {
	return t.Outcome == Fail || t.Outcome == Flaky || t.Outcome == Error
}

// TestRef is a test's result in few words.
type TestRef struct {
	TestID  string `json:"test_id"`
	Name    string `json:"name"`
	Suite   string `json:"suite"`
	File    string `json:"file"`
	Owner   string `json:"owner"`
	Status  string `json:"status" enum:"pass,fail,flaky,skip,error"`
	Message string `json:"message"`
}

// Ref makes the short form.
func (t *TestResult) Ref() TestRef {
	return TestRef{TestID: t.TestID, Name: t.Name, Suite: t.Suite, File: t.File, Owner: t.Owner, Status: t.Outcome.Word(), Message: t.Message}
}

// MaxResults is the most results of tests of one answer.
const MaxResults = 2_000_000

// TestFilter narrows results of tests; what is empty is not asked about.
type TestFilter struct {
	Repo string
	Runs []build.RunKey
	// Unsteady asks for all results of the tests that failed at least once in the window, and of no others.
	Unsteady bool
	// Moved asks for the tests alone whose passing runs differ by more than so many milliseconds, but for the outer twentieths.
	Moved int64
	// ID is one test.
	ID string
	// Since leaves out what was before; the scope's window shows what lived in it.
	Since time.Time
}

func (f TestFilter) conditions(scope sb.Scope) []sb.Expr {
	es := append([]sb.Expr{sb.Eq(sb.Col("entity"), sb.Val("test_case"))}, equal("repo", f.Repo)...)
	if len(f.Runs) > 0 {
		ids := make([]string, len(f.Runs))
		for i, k := range f.Runs {
			ids[i] = k.RunID
		}
		es = append(es, sb.In(sb.Col("run_id"), ids))
		es = append(es, oneRepo(f.Runs)...)
	}
	if f.Unsteady {
		failed := sb.Or(sb.Col("flaky"), sb.In(sb.Fn("toString", sb.Col("status")), []string{"failure", "timeout", "cancelled"}))
		inner := sb.Select(scope, sb.Builds, sb.Col("name_fp").As("fp")).Where(sb.Eq(sb.Col("entity"), sb.Val("test_case")), failed).
			Where(equal("repo", f.Repo)...).GroupBy(sb.Ref("fp"))
		es = append(es, sb.InQuery(sb.Col("name_fp"), inner))
	}
	if f.Moved > 0 {
		level := func(q float64) sb.Expr { return sb.Fn("toInt64", sb.Quantile(q, sb.Col("duration_ms"))) }
		inner := sb.Select(scope, sb.Builds, sb.Col("name_fp").As("fp")).
			Where(sb.Eq(sb.Col("entity"), sb.Val("test_case")), sb.Eq(sb.Col("status"), sb.Val("success"))).Where(equal("repo", f.Repo)...).
			GroupBy(sb.Ref("fp")).Having(sb.Gt(sb.Minus(level(0.95), level(0.05)), sb.Val(f.Moved)))
		es = append(es, sb.Eq(sb.Col("status"), sb.Val("success")), sb.InQuery(sb.Col("name_fp"), inner))
	}
	if f.ID != "" {
		es = append(es, sb.Or(sb.Eq(sb.MapGet("attrs", keyTestID), sb.Val(f.ID)), sb.Eq(sb.MapGet("attrs", keyTestID), sb.Empty())))
	}
	if !f.Since.IsZero() {
		es = append(es, sb.Ge(sb.Col("updated_at"), sb.Val(f.Since)))
	}
	return es
}

var testColumns = []string{
	"provider", "host", "repo", "run_id", "attempt", "parent_id", "name", "status", "flaky", "retries", "duration_ms", "message", "updated_at",
	"finished_at",
}

// Tests lists results of tests in no order. full tells that the limit of MaxResults was not reached.
func (r *Reader) Tests(ctx context.Context, scope sb.Scope, f TestFilter) (results []*TestResult, full bool, err error) {
	sel := sb.Select(scope, sb.Builds, cols(testColumns...)...).
		Columns(sb.HexID(sb.Col("error_fp"), 32), sb.MapGet("attrs", keyTestID), sb.MapGet("attrs", keySuite), sb.MapGet("attrs", keyFramework),
			sb.MapGet("attrs", keyOwner), sb.MapGet("attrs", keyOutcomes), sb.MapGet("attrs", keyFile), sb.MapGet("attrs", build.KeySuite),
			sb.MapGet("attrs", build.KeyConclusion)).
		Where(f.conditions(scope)...).Limit(MaxResults)
	wanted := make(map[string]bool, len(f.Runs))
	for _, k := range f.Runs {
		wanted[k.ID()] = true
	}
	shared := intern{}
	rows := 0
	err = r.Each(ctx, sel, func(row driver.Rows) error {
		rows++
		t := new(TestResult)
		var status, fp, outcomes, oldSuite, conclusion string
		var flaky bool
		var retries uint16
		var duration uint64
		var finished time.Time
		err := row.Scan(&t.Provider, &t.Host, &t.RunKey.Repo, &t.RunID, &t.Attempt, &t.SuiteID, &t.Name, &status, &flaky, &retries, &duration,
			&t.Message, &t.At, &finished, &fp, &t.TestID, &t.Suite, &t.Framework, &t.Owner, &outcomes, &t.File, &oldSuite, &conclusion)
		if err != nil {
			return err
		}
		if t.Suite == "" {
			t.Suite = oldSuite
		}
		t.TestIdentity.Repo, t.Duration = t.RunKey.Repo, time.Duration(duration)*ms
		if t.At = timeOf(t.At); !timeOf(finished).IsZero() {
			t.At = timeOf(finished)
		}
		t.TestIdentity.complete()
		t.Outcome, t.Outcomes = outcomeOf(status, conclusion, flaky, retries, outcomes)
		if strings.Trim(fp, "0") != "" {
			t.ErrorFP = "v1:" + fp
		}
		shared.result(t)
		if (len(wanted) == 0 || wanted[t.RunKey.ID()]) && (f.ID == "" || t.TestID == f.ID) {
			results = append(results, t)
		}
		return nil
	})
	return results, rows < MaxResults, err
}

// complete gives a test an identity whose report had none: those of the same name in the same suite are one.
func (t *TestIdentity) complete() {
	if t.TestID != "" {
		return
	}
	h := sha256.Sum256([]byte("summit.test.v1\x00" + t.Repo + "\x00" + t.Suite + "\x00" + t.Name))
	t.TestID = hex.EncodeToString(h[:16])
}

// outcomeOf reads how a test ended. The list of executions counts where there is one.
func outcomeOf(status, conclusion string, flaky bool, retries uint16, list string) (Outcome, []string) {
	outcomes := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	last := Error
	switch status {
	case "success":
		last = Pass
	case "failure":
		if last = Fail; conclusion == "error" {
			last = Error
		}
	case "skipped":
		last = Skip
	}
	if len(outcomes) == 0 && (last == Pass || last == Fail) {
		for range min(retries, 100) {
			outcomes = append(outcomes, "fail")
		}
		outcomes = append(outcomes, last.Word())
	}
	if last == Pass && (flaky || retries > 0) {
		last = Flaky
	}
	return last, outcomes
}

// intern keeps one copy of the texts that the results of a test share.
type intern map[string]string

func (in intern) one(s *string) {
	if *s == "" {
		return
	}
	if have, ok := in[*s]; ok {
		*s = have
		return
	}
	in[*s] = *s
}

func (in intern) result(t *TestResult) {
	for _, s := range []*string{
		&t.TestID, &t.TestIdentity.Repo, &t.RunKey.Repo, &t.Name, &t.Suite, &t.File, &t.Owner, &t.Framework, &t.Provider, &t.Host, &t.RunID,
		&t.SuiteID, &t.Message,
	} {
		in.one(s)
	}
}

// TestTotal is a test over all its runs in the window.
type TestTotal struct {
	TestIdentity
	Runs, Passes, Skips int
	Median              time.Duration
	First, Last         time.Time
}

// TestTotals counts all tests of a repository in the store, by their identity.
func (r *Reader) TestTotals(ctx context.Context, scope sb.Scope, f TestFilter) (map[string]*TestTotal, error) {
	is := func(status string) sb.Expr { return sb.Eq(sb.Col("status"), sb.Val(status)) }
	by := []sb.Expr{sb.Col("repo"), sb.MapGet("attrs", keyTestID).As("id"), sb.MapGet("attrs", keySuite).As("suite"), sb.MapGet("attrs", build.KeySuite).As("old"),
		sb.Fn("toString", sb.Col("name")).As("title")}
	sel := sb.Select(scope, sb.Builds, by...).
		Columns(sb.Fn("count"), sb.Fn("countIf", is("success")), sb.Fn("countIf", is("skipped")), sb.Quantile(0.5, sb.Col("duration_ms")),
			sb.Fn("min", sb.Col("updated_at")), sb.Fn("max", sb.Col("updated_at")), sb.Fn("anyLast", sb.MapGet("attrs", keyFile)),
			sb.Fn("anyLast", sb.MapGet("attrs", keyOwner)), sb.Fn("anyLast", sb.MapGet("attrs", keyFramework))).
		Where(f.conditions(scope)...).
		GroupBy(sb.Col("repo"), sb.Ref("id"), sb.Ref("suite"), sb.Ref("old"), sb.Ref("title")).Limit(MaxResults)
	out := map[string]*TestTotal{}
	err := r.Each(ctx, sel, func(row driver.Rows) error {
		t := new(TestTotal)
		var old string
		var runs, passes, skips, median uint64
		err := row.Scan(&t.Repo, &t.TestID, &t.Suite, &old, &t.Name, &runs, &passes, &skips, &median, &t.First, &t.Last, &t.File, &t.Owner, &t.Framework)
		if t.Suite == "" {
			t.Suite = old
		}
		t.complete()
		t.Runs, t.Passes, t.Skips, t.Median = int(runs), int(passes), int(skips), time.Duration(median)*ms
		t.First, t.Last = timeOf(t.First), timeOf(t.Last)
		if have := out[t.TestID]; have != nil { // the same test under an older name
			have.Runs, have.Passes, have.Skips = have.Runs+t.Runs, have.Passes+t.Passes, have.Skips+t.Skips
			if t.Last.After(have.Last) {
				have.TestIdentity, have.Last, have.Median = t.TestIdentity, t.Last, t.Median
			}
			return err
		}
		out[t.TestID] = t
		return err
	})
	return out, err
}

// SuiteKey names a suite's row in a run.
type SuiteKey struct{ Run, Suite string }

// SuiteTally counts the tests of one suite in one run.
type SuiteTally struct {
	build.RunKey
	SuiteID string
	// Total leaves out skipped tests; Failed has every test with an execution that failed.
	Total, Failed int
}

// SuiteTallies counts tests by run and suite.
func (r *Reader) SuiteTallies(ctx context.Context, scope sb.Scope, f TestFilter) ([]SuiteTally, error) {
	by := cols("provider", "host", "repo", "run_id", "attempt", "parent_id")
	bad := sb.Or(sb.Col("flaky"), sb.In(sb.Fn("toString", sb.Col("status")), []string{"failure", "timeout", "cancelled"}))
	sel := sb.Select(scope, sb.Builds, by...).
		Columns(sb.Fn("countIf", sb.Ne(sb.Col("status"), sb.Val("skipped"))), sb.Fn("countIf", bad)).Where(f.conditions(scope)...).GroupBy(by...).Limit(MaxResults)
	var out []SuiteTally
	err := r.Each(ctx, sel, func(row driver.Rows) error {
		var t SuiteTally
		var total, failed uint64
		err := row.Scan(&t.Provider, &t.Host, &t.Repo, &t.RunID, &t.Attempt, &t.SuiteID, &total, &failed)
		t.Total, t.Failed = int(total), int(failed)
		out = append(out, t)
		return err
	})
	return out, err
}

// SuiteTasks tells which task ran a suite, by run and suite.
func (r *Reader) SuiteTasks(ctx context.Context, scope sb.Scope, f TestFilter) (map[SuiteKey]string, error) {
	sel := sb.Select(scope, sb.Builds, cols("provider", "host", "repo", "run_id", "attempt", "entity_id", "parent_id")...).
		Where(sb.Eq(sb.Col("entity"), sb.Val("test_suite"))).Where(equal("repo", f.Repo)...).Limit(MaxResults)
	out := map[SuiteKey]string{}
	err := r.Each(ctx, sel, func(row driver.Rows) error {
		var k build.RunKey
		var suite, task string
		err := row.Scan(&k.Provider, &k.Host, &k.Repo, &k.RunID, &k.Attempt, &suite, &task)
		if task != "" {
			out[SuiteKey{k.ID(), suite}] = task
		}
		return err
	})
	return out, err
}
