package testreport

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endless gives head, then part again and again up to size bytes, then tail.
type endless struct {
	head, part, tail string
	size             int64
	given            int64
	buf              string
}

func (e *endless) Read(p []byte) (int, error) {
	for e.buf == "" {
		switch {
		case e.given == 0:
			e.buf = e.head
		case e.given < e.size:
			e.buf = e.part
		case e.tail != "":
			e.buf, e.tail = e.tail, ""
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	e.given += int64(n)
	return n, nil
}

// peak runs f and gives the most heap that was in use meanwhile, above what was before.
func peak(f func()) uint64 {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse))
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most.Load() - min(most.Load(), before.HeapInuse)
}

const maxPeak = 64 << 20

// Reports of a gigabyte, in the shapes that readers hold in memory. The short form of the test reads 64 MiB of each.
func TestPoint14HugeReportsFitIntoLittleMemory(t *testing.T) {
	size := int64(64 << 20)
	for _, tc := range []struct {
		name   string
		report endless
		want   error
	}{
		{"one text", endless{head: "<testsuite><testcase name='a'><system-out>", part: strings.Repeat("x", 8192), tail: "</system-out></testcase></testsuite>"}, nil},
		{"one CDATA", endless{head: "<testsuite><testcase name='a'><failure><![CDATA[", part: strings.Repeat("]] ", 3000), tail: "]]></failure></testcase></testsuite>"}, nil},
		{"one comment", endless{head: "<testsuite><!-- ", part: strings.Repeat("- ", 4000), tail: "--></testsuite>"}, nil},
		{"one attribute", endless{head: "<testsuite><testcase name='", part: strings.Repeat("x", 8192), tail: "'/></testsuite>"}, ErrTooLarge},
		{"one document type", endless{head: "<!DOCTYPE a [", part: "<!ENTITY lol 'lol'>", tail: "]><testsuite/>"}, ErrTooLarge},
		{"equal cases", endless{head: "<testsuite>", part: "<testcase name='a'><failure message='m'>text</failure></testcase>", tail: "</testsuite>"}, nil},
		{"deep elements", endless{head: "<testsuite>", part: "<a>", tail: ""}, ErrTooLarge},
		{"one JSON text", endless{head: `{"numTotalTests":1,"note":"`, part: strings.Repeat("x", 8192), tail: `","testResults":[]}`}, ErrTooLarge},
		{"one JSON result", endless{head: `{"testResults":[{"message":"`, part: strings.Repeat("x", 8192), tail: `"}]}`}, ErrTooLarge},
		{"deep JSON", endless{head: `{"note":`, part: "[", tail: ""}, ErrTooLarge},
		{"JSON results", endless{head: `{"testResults":[{"name":"a","assertionResults":[]}`, part: `,{"name":"a","assertionResults":[{"title":"t","status":"passed"}]}`, tail: "]}"}, nil},
		{"one line", endless{head: `{"Action":"output","Package":"p","Test":"T","Output":"`, part: strings.Repeat("x", 8192), tail: "\"}\n"}, nil},
		{"output", endless{head: `{"Action":"run","Package":"p","Test":"T"}` + "\n", part: `{"Action":"output","Package":"p","Test":"T","Output":"words\n"}` + "\n", tail: `{"Action":"fail","Package":"p","Test":"T"}` + "\n"}, nil},
		{"TAP", endless{head: "TAP version 13\n", part: "not ok 1 - same\n  ---\n  error: e\n  ...\n", tail: "1..1\n"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.report.size = size
			var err error
			used := peak(func() { _, err = Parse(&tc.report, Auto, Limits{}) })
			if tc.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tc.want)
			}
			require.Less(t, used, uint64(maxPeak))
		})
	}
}

// More different tests than are kept: the rest is counted, and memory stays where it is.
func TestPoint14ManyDifferentTests(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		_, err := io.WriteString(out, "<testsuite>")
		for i := 0; i < 400_000 && err == nil; i++ {
			_, err = fmt.Fprintf(out, "<testcase classname='pkg' name='test %d'><failure message='m'>%s</failure></testcase>", i, strings.Repeat("s", 200))
		}
		if err == nil {
			_, err = io.WriteString(out, "</testsuite>")
		}
		out.CloseWithError(err)
	}()
	var r *Report
	var err error
	used := peak(func() { r, err = Parse(in, JUnit, Limits{MaxCases: 50_000}) })
	require.NoError(t, err)
	require.Len(t, r.Cases, 50_000)
	require.Equal(t, 350_000, r.Lost["too_many_cases"])
	require.Less(t, used, uint64(maxPeak))
}

func TestPoint14HostileReports(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><testsuite><testcase name="a"><failure>&lol2;</failure></testcase></testsuite>`
	_, err := Parse(strings.NewReader(bomb), Auto, Limits{})
	require.ErrorContains(t, err, "entity", "what a document declares is never expanded")

	r, err := Parse(strings.NewReader("<testsuite><testcase name='bad \xff\xfe bytes'><failure>\x1b[31mred\x00</failure></testcase></testsuite>"), Auto, Limits{})
	require.NoError(t, err, "invalid UTF-8 and control characters are replaced")
	require.Len(t, r.Cases, 1)
	require.Contains(t, r.Cases[0].Name, "\uFFFD")

	deep := "<testsuite>" + strings.Repeat("<testsuite>", 10_000) + strings.Repeat("</testsuite>", 10_001)
	_, err = Parse(strings.NewReader(deep), Auto, Limits{})
	require.ErrorIs(t, err, ErrTooLarge)

	for _, in := range []string{"", "nonsense", "<html></html>", "<testsuite>", "<testsuite><testcase name='a'>", "{}", `{"testResults":5}`, `[1]`, "<", "{"} {
		_, err := Parse(strings.NewReader(in), Auto, Limits{})
		require.Error(t, err, "%q", in)
	}
	_, err = Parse(iotestErr{}, Auto, Limits{})
	require.ErrorContains(t, err, "line is broken")
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errors.New("the line is broken") }

func TestCharacterSets(t *testing.T) {
	r, err := Parse(strings.NewReader("<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='caf\xe9'/></testsuite>"), Auto, Limits{})
	require.NoError(t, err)
	require.Equal(t, "café", r.Cases[0].Name)
	utf16 := "\xff\xfe"
	for _, c := range "<testsuite><testcase name='é'/></testsuite>" {
		utf16 += string([]byte{byte(c), byte(c >> 8)})
	}
	r, err = Parse(strings.NewReader(utf16), Auto, Limits{})
	require.NoError(t, err)
	require.Equal(t, "é", r.Cases[0].Name)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"<testsuite><testcase name='a'><failure/></testcase></testsuite>", "<![CDATA[", "<!--", `{"testResults":[{"name":"a"}]}`, "TAP version 13\nok 1 - a # skip",
		`{"Action":"run","Package":"p","Test":"T"}`, "# Subtest: a\n    ok 1 - b\n", "<TestRun><UnitTestResult/></TestRun>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range append([]Format{Auto}, Formats...) {
			r, err := Parse(strings.NewReader(string(data)), format, Limits{})
			if err == nil {
				r.Events(Place{})
			}
		}
	})
}
