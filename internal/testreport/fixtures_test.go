package testreport

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Counts are those of the cases in each file, whatever its totals say.
func TestPoint14ReportsOfOthersGiveTheirCounts(t *testing.T) {
	for file, want := range map[string]Tally{
		"go-junit/catchsoftware.xml":           {Total: 3, Passed: 1, Failed: 1, Skipped: 1},
		"go-junit/cubic.xml":                   {}, // its one case has no name
		"go-junit/fastlane-trainer.xml":        {Total: 4, Passed: 2, Failed: 2},
		"go-junit/go-junit-report-skipped.xml": {Total: 2, Passed: 1, Skipped: 1},
		"go-junit/go-junit-report.xml":         {Total: 4, Passed: 3, Failed: 1},
		"go-junit/ibm.xml":                     {Total: 1, Failed: 1},
		"go-junit/jenkinsci.xml":               {Total: 6, Passed: 6},
		"go-junit/nose2.xml":                   {Total: 25, Passed: 18, Failed: 5, Errored: 1, Skipped: 1},
		"go-junit/phpunit.xml":                 {Total: 7, Passed: 4, Failed: 3},
		"go-junit/python-junit-xml.xml":        {Total: 1, Passed: 1},
		"go-junit/surefire.xml":                {Total: 1, Failed: 1},

		"go-junit-report/001-report.xml":                 {Total: 5, Passed: 2, Failed: 1, Skipped: 2},
		"go-junit-report/007-report.xml":                 {Total: 2, Passed: 2},
		"go-junit-report/012-report.xml":                 {Total: 11, Passed: 6, Failed: 4, Skipped: 1},
		"go-junit-report/014-report.xml":                 {Total: 2, Errored: 2},
		"go-junit-report/016-report.xml":                 {Total: 1, Passed: 1}, // one test three times
		"go-junit-report/017-report.xml":                 {Total: 1, Failed: 1},
		"go-junit-report/032-report.xml":                 {Total: 2, Passed: 1, Errored: 1},
		"go-junit-report/100-pass.gojson.txt":            {Total: 1, Passed: 1},
		"go-junit-report/101-fail.gojson.txt":            {Total: 2, Passed: 1, Failed: 1},
		"go-junit-report/102-broken.gojson.txt":          {Total: 1, Errored: 1}, // it doesn't build
		"go-junit-report/103-subtests.gojson.txt":        {Total: 4, Passed: 2, Failed: 2},
		"go-junit-report/104-race.gojson.txt":            {Total: 1, Failed: 1},
		"go-junit-report/105-panic.gojson.txt":           {Total: 1, Errored: 1},
		"go-junit-report/106-testmain.gojson.txt":        {Total: 3, Passed: 2, Errored: 1},
		"go-junit-report/107-skip.gojson.txt":            {Total: 2, Skipped: 2},
		"go-junit-report/108-paniclate.gojson.txt":       {Total: 2, Passed: 1, Errored: 1},
		"go-junit-report/109-bench.gojson.txt":           {Total: 2, Passed: 2},
		"go-junit-report/110-benchfail.gojson.txt":       {Total: 3, Failed: 2, Skipped: 1},
		"go-junit-report/111-empty.gojson.txt":           {},
		"go-junit-report/112-parallel.gojson.txt":        {Total: 3, Failed: 3},
		"go-junit-report/113-race.gojson.txt":            {Total: 2, Passed: 2},
		"gotestsum/go-test-json.out":                     {Total: 60, Passed: 42, Failed: 12, Errored: 1, Skipped: 5},
		"gotestsum/go-test-json-flaky-rerun.out":         {Total: 6, Passed: 6, Flaky: 3},
		"gotestsum/go-test-json-missing-test-fail.out":   {Total: 1, Errored: 1}, // it began and never ended
		"gotestsum/go-test-json-with-parallel-fails.out": {Total: 12, Passed: 4, Failed: 8},
	} {
		t.Run(file, func(t *testing.T) {
			in, err := os.Open("testdata/" + file)
			require.NoError(t, err)
			defer func() { require.NoError(t, in.Close()) }()
			r, err := Parse(in, Auto, Limits{})
			require.NoError(t, err)
			require.Equal(t, want, r.Tally())
		})
	}
}
