package root_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/root"
)

var update = flag.Bool("update", false, "write the outputs in testdata")

// recorded is where answers of queryd lie that the scripts of summitctl use too.
const recorded = "../../testdata/api"

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	fingerprint = "v1:00112233445566778899aabbccddeeff"
	buildID     = "github:github.com:acme/checkout:7:1"
)

// result is what the shell sees of one run.
type result struct {
	code      int
	out, talk string
}

func run(t *testing.T, server http.Handler, args ...string) result {
	t.Helper()
	srv := httptest.NewServer(server)
	defer srv.Close()
	for _, name := range []string{"SUMMIT_URL", "SUMMIT_LISTEN", "SUMMIT_TOKEN"} {
		if _, set := os.LookupEnv(name); !set {
			t.Setenv(name, "")
		}
	}
	var out, talk bytes.Buffer
	code := root.Run(t.Context(), "1.2.3", append([]string{"--url", srv.URL + "/"}, args...), strings.NewReader(""), &out, &talk)
	return result{code, out.String(), strings.ReplaceAll(talk.String(), srv.URL, "URL")}
}

// serve answers every path with one text.
func serve(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func fromRecords(w http.ResponseWriter, req *http.Request) {
	body, err := os.ReadFile(filepath.Join(recorded, strings.ReplaceAll(strings.Trim(req.URL.EscapedPath(), "/"), "/", "_")+".json"))
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(body)
}

// verbs are the questions that have a recorded answer.
var verbs = []struct {
	name string
	args []string
}{
	{"trace_search", []string{"trace", "search"}},
	{"trace_get", []string{"trace", "get", traceID}},
	{"error_list", []string{"error", "list"}},
	{"error_show", []string{"error", "show", fingerprint}},
	{"build_list", []string{"build", "list"}},
	{"build_show", []string{"build", "show", buildID}},
	{"lineage", []string{"lineage", "--commit", "3f2a9c1bdeadbeef"}},
	{"query", []string{"query", "shop_orders_total", "--at", "1773500966"}},
	{"query_range", []string{"query", "sum(x)", "--from", "1773500966", "--to", "1773501026"}},
}

func TestOutputOfEachVerb(t *testing.T) {
	for _, v := range verbs {
		for _, format := range []string{"table", "json", "yaml", "ndjson"} {
			t.Run(v.name+"/"+format, func(t *testing.T) {
				r := run(t, http.HandlerFunc(fromRecords), append(v.args, "-o", format)...)
				require.Equal(t, exit.OK, r.code, r.talk)
				got := r.out + "-- talk --\n" + r.talk
				golden := filepath.Join("testdata", v.name+"."+format)
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Fatal(diff)
				}
			})
		}
	}
}

// JSON and YAML hold the server's answer, nothing more and nothing less, so that scripts can rely on its contract.
func TestMachineFormatsAreTheServersAnswer(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			var answered []byte
			server := func(w http.ResponseWriter, req *http.Request) {
				rec := httptest.NewRecorder()
				fromRecords(rec, req)
				answered = rec.Body.Bytes()
				_, _ = w.Write(answered)
			}
			asJSON := run(t, http.HandlerFunc(server), append(v.args, "-o", "json")...)
			asYAML := run(t, http.HandlerFunc(server), append(v.args, "-o", "yaml")...)
			if strings.HasPrefix(v.name, "query") {
				var a struct{ Data json.RawMessage }
				require.NoError(t, json.Unmarshal(answered, &a))
				answered = a.Data
			}
			require.JSONEq(t, string(answered), asJSON.out)
			var tree any
			require.NoError(t, yaml.Unmarshal([]byte(asYAML.out), &tree))
			back, err := json.Marshal(tree)
			require.NoError(t, err)
			require.JSONEq(t, string(answered), string(back))
		})
	}
}

func TestFlagsBecomeTheQuestion(t *testing.T) {
	for _, tc := range []struct {
		name, args, want string
	}{
		{"defaults", "trace search", "/api/v1/traces?limit=20"},
		{"range", "trace search --from now-6h --to now-1h", "/api/v1/traces?from=now-6h&limit=20&to=now-1h"},
		{
			"trace", "trace search --service a --name b --status error --environment e --commit c --build d --deployment f --limit 7",
			"/api/v1/traces?build_run_id=d&commit_sha=c&deployment_id=f&environment=e&limit=7&name=b&service=a&status=error",
		},
		{"durations", "trace search --min-duration 1.5ms --max-duration 2s --limit 0", "/api/v1/traces?max_duration_ns=2000000000&min_duration_ns=1500000"},
		{"attributes", "trace search --attr a=b --attr c=d=e --limit 0", "/api/v1/traces?attr=a%3Db&attr=c%3Dd%3De"},
		{"one trace", "trace get 0AF7651916CD43DD8448EB211C80319C --from now-1h", "/api/v1/traces/" + traceID + "?from=now-1h"},
		{
			"errors", "error list --service a --environment b --build c --commit d --from now-24h",
			"/api/v1/errors?build_run_id=c&commit_sha=d&environment=b&from=now-24h&limit=20&service=a",
		},
		{"one error", "error show " + fingerprint + " --service a --environment b", "/api/v1/errors/" + fingerprint + "?environment=b&service=a"},
		{"alias", "errors list --limit 0", "/api/v1/errors?"},
		{
			"builds", "build list --repo a/b --pipeline c --branch d --status failure --commit e --limit 500",
			"/api/v1/builds?branch=d&commit_sha=e&limit=500&pipeline=c&repo=a%2Fb&status=failure",
		},
		{"one build", "builds show a:b:c/d:1:2", "/api/v1/builds/a:b:c%2Fd:1:2?"},
		{"lineage of an error", "lineage --error x --service s --environment e", "/api/v1/lineage?environment=e&error=x&service=s"},
		{"lineage of a trace", "lineage --trace x --from now-1h", "/api/v1/lineage?from=now-1h&trace=x"},
		{"lineage of a build", "lineage --build x", "/api/v1/lineage?build=x"},
		{"lineage of a deployment", "lineage --deployment x", "/api/v1/lineage?deployment=x"},
		{"lineage of an artifact", "lineage --artifact sha256:x", "/api/v1/lineage?artifact=sha256%3Ax"},
		{"instant", "query up --at 2026-03-14T15:09:26.5Z", "/prometheus/api/v1/query?query=up&time=1773500966.500"},
		{"unix time", "query up --at 1773500966.25", "/prometheus/api/v1/query?query=up&time=1773500966.25"},
		{
			"metrics of a range", "query up --from 2026-03-14T16:09:26+01:00 --to 1773501026 --step 1500ms",
			"/prometheus/api/v1/query_range?end=1773501026&query=up&start=1773500966.000&step=1.5",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked string
			r := run(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				asked = req.URL.EscapedPath() + "?" + req.URL.Query().Encode()
				require.Equal(t, http.MethodGet, req.Method)
				fmt.Fprint(w, `{"items":[],"data":{"resultType":"vector","result":[]}}`)
			}), strings.Fields(tc.args)...)
			require.Equal(t, exit.OK, r.code, r.talk)
			require.Equal(t, strings.TrimSuffix(tc.want, "?"), strings.TrimSuffix(asked, "?"))
		})
	}
}

func TestTimesThatCountFromNow(t *testing.T) {
	var asked url.Values
	server := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = req.URL.Query()
		fmt.Fprint(w, `{"data":{"resultType":"vector","result":[]}}`)
	})
	seconds := func(name string) float64 {
		f, err := strconv.ParseFloat(asked.Get(name), 64)
		require.NoError(t, err)
		return f
	}
	now := float64(time.Now().UnixMilli()) / 1000
	require.Equal(t, exit.OK, run(t, server, "query", "up").code)
	require.InDelta(t, now, seconds("time"), 60)
	require.Equal(t, exit.OK, run(t, server, "query", "up", "--from", "now-2h").code)
	require.InDelta(t, now-7200, seconds("start"), 60)
	require.InDelta(t, 7200, seconds("end")-seconds("start"), 0.01)
	require.Equal(t, "60", asked.Get("step"))
}

func TestCommandLinesThatSayNothing(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"unknown verb", "frobnicate", `unknown command "frobnicate" for "summitctl"`},
		{"unknown verb of traces", "trace frobnicate", `unknown command "frobnicate" for "summitctl trace"`},
		{"unknown verb of errors", "error frobnicate", `unknown command "frobnicate" for "summitctl error"`},
		{"unknown verb of builds", "build frobnicate", `unknown command "frobnicate" for "summitctl build"`},
		{"unknown flag", "build list --frob", "unknown flag: --frob"},
		{"too much", "trace search more", `unknown command "more" for "summitctl trace search"`},
		{"too little", "trace get", "accepts 1 arg(s), received 0"},
		{"no number", "trace search --limit many", `invalid argument "many" for "--limit"`},
		{"no format", "trace search -o xml", `invalid argument "xml" for "-o, --output" flag: "xml" is no format: want one of table, json, yaml, ndjson`},
		{"no attribute", "trace search --attr key", `--attr "key": want key=value`},
		{"attribute without key", "trace search --attr =value", `--attr "=value": want key=value`},
		{"short id", "trace get 0af7", "a trace id has 32 hexadecimal digits"},
		{"odd id", "trace get " + strings.Repeat("g", 32), "a trace id has 32 hexadecimal digits"},
		{"no fingerprint", "error show 12", `fingerprint "12": want v1: followed by 32 hexadecimal digits`},
		{"no subject", "lineage", "at least one of the flags"},
		{"two subjects", "lineage --trace a --build b", "if any flags in the group"},
		{"time", "query up --at noon", `--at "noon": want RFC 3339, unix seconds or now-1h`},
		{"time back", "query up --at now-noon", `--at "now-noon": want now-1h or the like`},
		{"end", "query up --from now-1h --to never", `--to "never": want RFC 3339, unix seconds or now-1h`},
		{"end alone", "query up --to now", "--to goes with --from"},
		{"step", "query up --from now-1h --step -1s", "--step must be more than 0"},
		{"condition", "query up --fail-if sum>1", `--fail-if "sum>1": want count or value, one of >= <= == != > <, and a number`},
		{"condition without number", "query up --fail-if value>high", `--fail-if "value>high"`},
		{"doctor", "doctor --timeout -1s", "--timeout must be more than 0, got -1s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := run(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a question was asked") }), strings.Fields(tc.args)...)
			require.Equal(t, exit.Usage, r.code)
			require.Contains(t, r.talk, "summitctl: "+tc.want)
			require.Empty(t, r.out)
		})
	}
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	for _, tc := range []struct {
		name, body, want string
		status, code     int
	}{
		{"parameter", `{"detail":"must be at most 500","field":"limit","allowed":["1..500"]}`, "limit: must be at most 500 (allowed: 1..500)", 400, exit.Usage},
		{"parameter that the detail names", `{"detail":"limit must be at most 500","field":"limit"}`, "limit must be at most 500", 422, exit.Usage},
		{"several", `{"title":"Bad Request","errors":[{"message":"is no time","location":"query.from"},{"message":"odd"}]}`, "Bad Request; query.from is no time; odd", 400, exit.Usage},
		{"not found", `{"title":"Not Found","status":404}`, "Not Found", 404, exit.NotFound},
		{"no token", `{"detail":"a token is wanted"}`, "a token is wanted", 401, exit.Denied},
		{"wrong token", `{"detail":"the token isn't known"}`, "the token isn't known", 403, exit.Denied},
		{"promql", `{"status":"error","errorType":"bad_data","error":"parse error"}`, "parse error", 400, exit.Usage},
		{"store is down", `{"detail":"the store doesn't answer"}`, "the store doesn't answer", 503, exit.Failed},
		{"proxy", `<html>`, "Bad Gateway", 502, exit.Failed},
		{"another server", `<html>`, "answered something that is no JSON\n  the address may be that of another server; set SUMMIT_URL or --url", 200, exit.Failed},
		{"another kind of JSON", `[1]`, "read the answer of", 200, exit.Failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, args := range [][]string{{"error", "list"}, {"query", "up"}} {
				r := run(t, serve(tc.status, tc.body), args...)
				require.Equal(t, tc.code, r.code)
				require.Contains(t, r.talk, tc.want)
				require.Empty(t, r.out, "nothing on standard output that a script could take for an answer")
			}
		})
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	srv := httptest.NewServer(serve(200, "{}"))
	srv.Close()
	var out, talk bytes.Buffer
	code := root.Run(t.Context(), "", []string{"trace", "search", "--url", srv.URL}, strings.NewReader(""), &out, &talk)
	require.Equal(t, exit.Failed, code)
	require.Contains(t, talk.String(), "can't reach Summit at "+srv.URL+": ")
	require.Contains(t, talk.String(), "start it with `summitctl up`, or set SUMMIT_URL or --url to where it runs")
}

func TestTokenIsSent(t *testing.T) {
	for _, token := range []string{"", "s3cret"} {
		t.Setenv("SUMMIT_TOKEN", token)
		var got string
		r := run(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			got = req.Header.Get("Authorization")
			fmt.Fprint(w, `{"items":[]}`)
		}), "build", "list")
		require.Equal(t, exit.OK, r.code)
		want := ""
		if token != "" {
			want = "Bearer " + token
		}
		require.Equal(t, want, got)
		require.NotContains(t, r.talk+r.out, "s3cret")
	}
}

func TestListsSayWhatIsMissing(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       []string
	}{
		{"whole", `{"items":[{"trace_id":"a"}],"next":null}`, nil},
		{"empty", `{"items":[]}`, []string{"nothing found in this time range; --from widens it"}},
		{"more", `{"items":[{"trace_id":"a"}],"next":"c"}`, []string{"there is more: raise --limit, or narrow the question"}},
		{"partial", `{"items":[],"partial":true}`, []string{"nothing found", "the answer is partial: a limit of the query was reached"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := run(t, serve(200, tc.body), "trace", "search")
			require.Equal(t, exit.OK, r.code)
			for _, text := range []string{"nothing found", "there is more", "the answer is partial"} {
				wanted := false
				for _, w := range tc.want {
					wanted = wanted || strings.HasPrefix(w, text)
				}
				require.Equal(t, wanted, strings.Contains(r.talk, text), "%q in %q", text, r.talk)
			}
			for _, w := range tc.want {
				require.Contains(t, r.talk, w)
			}
		})
	}
}

func TestConditionsBecomeExitCodes(t *testing.T) {
	vector := func(values ...string) string {
		var list []string
		for _, v := range values {
			list = append(list, `{"metric":{},"value":[1,"`+v+`"]}`)
		}
		return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(list, ",") + `]}}`
	}
	const (
		scalar = `{"data":{"resultType":"scalar","result":[1,"0.5"]}}`
		matrix = `{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"9"],[3,"1"]]}]}}`
	)
	for _, tc := range []struct {
		name, body, condition string
		holds                 bool
	}{
		{"above", vector("1", "3"), "value > 2", true},
		{"not above", vector("1", "2"), "value > 2", false},
		{"at least", vector("2"), "value >= 2", true},
		{"below", vector("-1"), "value < 0", true},
		{"not below", vector("0"), "value<0", false},
		{"at most", vector("0"), "value <= 0", true},
		{"equal", vector("0.1"), "value == 0.1", true},
		{"unequal", vector("1", "1"), "value != 1", false},
		{"no value", vector(), "value != 1", false},
		{"no number is in no order", vector("NaN"), "value > 0", false},
		{"infinite", vector("+Inf"), "value > 1e300", true},
		{"absent", vector(), "count == 0", true},
		{"present", vector("0", "0"), "count == 2", true},
		{"scalar", scalar, "value >= 0.5", true},
		{"a scalar is one", scalar, "count == 1", true},
		{"any point of a range", matrix, "value > 5", true},
		{"no point of a range", matrix, "value > 9", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := run(t, serve(200, tc.body), "query", "x", "--fail-if", tc.condition)
			if tc.holds {
				require.Equal(t, exit.Assertion, r.code)
				require.Contains(t, r.talk, tc.condition+" holds")
			} else {
				require.Equal(t, exit.OK, r.code, r.talk)
			}
			require.Contains(t, r.out, "SERIES", "the answer is printed in either case")
		})
	}
}

func TestKindsOfMetricAnswers(t *testing.T) {
	const histogram = `{"count":"2","sum":"3","buckets":[[3,"0","1","2"]]}`
	for _, tc := range []struct {
		name, data, table, lines string
	}{
		{"scalar", `{"resultType":"scalar","result":[1,"0.5"]}`, "-       1970-01-01 00:00:01  0.5\n", `{"resultType":"scalar","result":[1,"0.5"]}` + "\n"},
		{"string", `{"resultType":"string","result":[1,"a\nb"]}`, "-       1970-01-01 00:00:01  a b\n", `{"resultType":"string","result":[1,"a\nb"]}` + "\n"},
		{
			"vector", `{"resultType":"vector","result":[{"metric":{"b":"2","a":"1"},"value":[1,"0"]},{"metric":{"__name__":"m"},"value":[1,"NaN"]}]}`,
			"{a=\"1\", b=\"2\"}  1970-01-01 00:00:01  0\nm               1970-01-01 00:00:01  NaN\n",
			`{"metric":{"b":"2","a":"1"},"value":[1,"0"]}` + "\n" + `{"metric":{"__name__":"m"},"value":[1,"NaN"]}` + "\n",
		},
		{"no series", `{"resultType":"vector","result":[]}`, "", ""},
		{
			"histogram", `{"resultType":"vector","result":[{"metric":{"__name__":"h"},"histogram":[1,` + histogram + `]}]}`,
			"h       -     histogram\n", `{"metric":{"__name__":"h"},"histogram":[1,` + histogram + `]}` + "\n",
		},
		{
			"histograms", `{"resultType":"matrix","result":[{"metric":{"__name__":"h"},"histograms":[[1,` + histogram + `]]}]}`,
			"h       -     histogram\n", `{"metric":{"__name__":"h"},"histograms":[[1,` + histogram + `]]}` + "\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := serve(200, `{"status":"success","data":`+tc.data+`}`)
			r := run(t, server, "query", "x")
			require.Equal(t, exit.OK, r.code, r.talk)
			_, rows, _ := strings.Cut(r.out, "\n")
			require.Equal(t, tc.table, rows)
			require.Equal(t, tc.lines, run(t, server, "query", "x", "-o", "ndjson").out)
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	r := run(t, serve(500, ""), "--version")
	require.Equal(t, result{exit.OK, "summitctl version 1.2.3\n", ""}, r)
	r = run(t, serve(500, ""))
	require.Equal(t, exit.OK, r.code)
	for _, verb := range []string{"up", "demo", "doctor", "trace", "error", "build", "lineage", "query"} {
		require.Contains(t, r.out, "\n  "+verb+" ", "help lists it")
		h := run(t, serve(500, ""), verb, "--help")
		require.Equal(t, exit.OK, h.code)
		require.Contains(t, h.out, "Usage:\n  summitctl "+verb)
	}
}
