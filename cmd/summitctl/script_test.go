package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/summitobs/summit/cmd/summitctl/internal/root"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"summitctl": func() {
			os.Exit(root.Run(context.Background(), "test", os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// answers serves recorded answers of queryd, the contract between it and the command line. The real pair meets in
// testbed/e2e.
func answers() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		name := strings.ReplaceAll(strings.Trim(req.URL.EscapedPath(), "/"), "/", "_")
		body, err := os.ReadFile(path.Join("testdata/api", name+".json"))
		if err != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"title":"Not Found","status":404,"detail":"nothing at %s"}`, req.URL.Path)
			return
		}
		if limit := req.URL.Query().Get("limit"); limit == "1000" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"title":"Bad Request","status":400,"detail":"must be at most 500","field":"limit","allowed":["1..500"]}`)
			return
		}
		if req.Header.Get("Authorization") == "Bearer wrong" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"title":"Forbidden","status":403,"detail":"the token isn't known"}`)
			return
		}
		_, _ = w.Write(body)
	})
}

func TestScripts(t *testing.T) {
	srv := httptest.NewServer(answers())
	t.Cleanup(srv.Close) // scripts run in parallel, after this function
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SUMMIT_URL", srv.URL)
			env.Setenv("HOME", env.WorkDir)
			// Nothing listens on port 1.
			for _, name := range []string{"OTLP_GRPC", "OTLP_HTTP", "DOOR", "STORE", "HEALTH"} {
				env.Setenv("SUMMIT_"+name, "127.0.0.1:1")
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
	})
}

// exits runs summitctl and compares its exit code: exits CODE ARGS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	var code string
	if err := ts.Exec("summitctl", args[1:]...); err == nil {
		code = "0"
	} else {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("summitctl %s: exit code %s, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}
