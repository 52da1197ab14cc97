package ci

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/internal/testreport"
)

func TestArtifactsAreToldByTheirContent(t *testing.T) {
	setenv(t, recorded["github"])
	t.Setenv(tokenVariable, "t0ken")
	file := filepath.Join(t.TempDir(), "shop.tar")
	require.NoError(t, os.WriteFile(file, []byte("abc"), 0o600))
	got := startDoor(t, `{"status":"stored"}`, http.StatusOK)
	_, talk, err := run(t, "artifact", file, "--service", "shop", "--version", "1.4.2")
	require.NoError(t, err, talk)
	require.Len(t, *got, 1)
	require.Equal(t, "/v1/ci/events", (*got)[0].path)
	require.Equal(t, "Bearer t0ken", (*got)[0].header.Get("Authorization"))
	e := eventsOf(t, (*got)[0])[0]
	require.Equal(t, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", e["digest"])
	require.Equal(t, []any{"artifact", "acme/shop", "9001", 2.0, "186853002", "289782451", "shop.tar"},
		[]any{e["type"], e["repo"], e["run_id"], e["attempt"], e["repository_id"], e["task_id"], e["name"]})
	_, _, err = run(t, "artifact")
	require.Equal(t, exit.Usage, exit.Code(err))
}

func TestADeploymentIsTheSameBeforeAndAfter(t *testing.T) {
	setenv(t, recorded["gitlab"])
	got := startDoor(t, `{"status":"stored"}`, http.StatusOK)
	for _, status := range []string{"pending", "success"} {
		_, _, err := run(t, "deploy", "--environment", "production", "--service", "shop", "--status", status)
		require.NoError(t, err)
	}
	before, after := eventsOf(t, (*got)[0])[0], eventsOf(t, (*got)[1])[0]
	require.Equal(t, "31-1-production", before["deployment_id"])
	require.Equal(t, before["deployment_id"], after["deployment_id"])
	require.Equal(t, "gitlab:gitlab.example.com:8443:group/sub/shop:31:1", after["build_run_id"])
	require.NotContains(t, before, "finished_at")
	require.Contains(t, after, "finished_at")
	_, _, err := run(t, "deploy", "--environment", "production", "--status", "done")
	require.ErrorContains(t, err, "want one of pending")
}

func TestReportsAreReadAndSent(t *testing.T) {
	root := t.TempDir()
	setenv(t, recorded["circleci"])
	t.Setenv("CIRCLE_WORKING_DIRECTORY", root)
	for name, text := range map[string]string{
		"CODEOWNERS":       "/src/ @acme/web\n",
		"out/a/TEST-1.xml": `<testsuite name="s"><testcase name="a" classname="s" file="` + root + `/src/a.js"><failure message="no"/></testcase></testsuite>`,
		"out/b/TEST-2.xml": `<testsuite name="s"><testcase name="a" classname="s" file="` + root + `/src/a.js"/></testsuite>`,
	} {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	got := startDoor(t, `{"total":1,"passed":1,"flaky":1}`, http.StatusOK)
	out, talk, err := run(t, "report", root+"/out/**/TEST-*.xml", "--shard", "1/2")
	require.NoError(t, err, talk)
	require.Contains(t, out, "FLAKY")
	u, err := url.Parse((*got)[0].path)
	require.NoError(t, err)
	require.Equal(t, "/v1/tests", u.Path)
	require.Equal(t, []string{"acme/shop", "1/2", "summit", "1"}, []string{u.Query().Get("repo"), u.Query().Get("shard"), u.Query().Get("format"), u.Query().Get("attempt")})
	zr, err := gzip.NewReader(bytes.NewReader((*got)[0].body))
	require.NoError(t, err)
	sent, err := testreport.Parse(zr, testreport.Summit, testreport.Limits{})
	require.NoError(t, err)
	require.Len(t, sent.Cases, 1)
	require.Equal(t, []testreport.Outcome{testreport.Fail, testreport.Pass}, sent.Cases[0].Outcomes)
	require.Equal(t, "src/a.js", sent.Cases[0].File)
	require.Equal(t, "@acme/web", sent.Cases[0].Owner)
	_, _, err = run(t, "report", root+"/none/**/*.xml")
	require.Equal(t, exit.NotFound, exit.Code(err))
}

func TestRefusalsSayWhatIsWrong(t *testing.T) {
	setenv(t, recorded["github"])
	startDoor(t, `{"title":"Unauthorized","detail":"no token"}`, http.StatusUnauthorized)
	_, _, err := run(t, "deploy", "--environment", "test")
	require.Equal(t, exit.Denied, exit.Code(err))
	require.Contains(t, exit.Hint(err), tokenVariable)
	startDoor(t, `{"detail":"is wrong","field":"events[0].status","allowed":["success"]}`, http.StatusBadRequest)
	_, _, err = run(t, "deploy", "--environment", "test")
	require.ErrorContains(t, err, "events[0].status is wrong (allowed: success)")
}

func TestABusyDoorIsAskedAgain(t *testing.T) {
	got := startDoor(t, `{}`, http.StatusServiceUnavailable, http.StatusOK)
	d := newDoor(os.Getenv("SUMMIT_DOOR"))
	d.pause = 1
	_, err := d.post(t.Context(), "/x", http.Header{}, []byte("b"))
	require.NoError(t, err)
	require.Len(t, *got, 2)
}
