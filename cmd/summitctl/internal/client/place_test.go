package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

func TestPlaces(t *testing.T) {
	defaults := client.Places{
		URL: "http://127.0.0.1:8640", OTLPGRPC: "127.0.0.1:4317", OTLPHTTP: "http://127.0.0.1:4318", Door: "http://127.0.0.1:4320",
		Store: "http://127.0.0.1:8641", Health: "http://127.0.0.1:13133",
	}
	for _, tc := range []struct {
		name, flag string
		env        map[string]string
		change     func(*client.Places)
	}{
		{name: "defaults", change: func(*client.Places) {}},
		{name: "flag", flag: "https://summit.example/", change: func(p *client.Places) { p.URL = "https://summit.example" }},
		{name: "flag without a scheme", flag: "summit.example:80", change: func(p *client.Places) { p.URL = "http://summit.example:80" }},
		{name: "environment", env: map[string]string{"SUMMIT_URL": "http://a/"}, change: func(p *client.Places) { p.URL = "http://a" }},
		{name: "flag goes first", flag: "http://b", env: map[string]string{"SUMMIT_URL": "http://a"}, change: func(p *client.Places) { p.URL = "http://b" }},
		{name: "listener that was moved", env: map[string]string{"SUMMIT_LISTEN": "127.0.0.1:1"}, change: func(p *client.Places) { p.URL = "http://127.0.0.1:1" }},
		{
			name: "an address goes before a listener", env: map[string]string{"SUMMIT_LISTEN": "127.0.0.1:1", "SUMMIT_URL": "http://a"},
			change: func(p *client.Places) { p.URL = "http://a" },
		},
		{
			name: "all doors", env: map[string]string{
				"SUMMIT_OTLP_GRPC": "h:1", "SUMMIT_OTLP_HTTP": "h:2", "SUMMIT_DOOR": "https://h:3/", "SUMMIT_STORE": "h:4", "SUMMIT_HEALTH": "h:5",
			},
			change: func(p *client.Places) {
				p.OTLPGRPC, p.OTLPHTTP, p.Door, p.Store, p.Health = "h:1", "http://h:2", "https://h:3", "http://h:4", "http://h:5"
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"URL", "LISTEN", "OTLP_GRPC", "OTLP_HTTP", "DOOR", "STORE", "HEALTH"} {
				t.Setenv("SUMMIT_"+name, tc.env["SUMMIT_"+name])
			}
			want := defaults
			tc.change(&want)
			require.Equal(t, want, client.FromEnvironment(tc.flag))
		})
	}
}

func TestLinksStandBesideTheAPI(t *testing.T) {
	require.Equal(t, "http://h:1/base/traces?x=1", client.New("http://h:1/base/").Link("/traces?x=1"))
}

func TestGetKeepsTheBaseAndTheEscapes(t *testing.T) {
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = req.RequestURI
		require.Equal(t, "application/json", req.Header.Get("Accept"))
		w.Header().Set("X-Test", "1")
		_, _ = w.Write([]byte(`{}`))
	}))
	defer srv.Close()
	c := client.New(srv.URL + "/base/")
	_, err := c.Get(t.Context(), "/builds/a%2Fb", url.Values{"k": {"a b&c"}})
	require.NoError(t, err)
	require.Equal(t, "/base/api/v1/builds/a%2Fb?k=a+b%26c", asked)
	_, header, err := c.GetWithHeader(t.Context(), "/status")
	require.NoError(t, err)
	require.Equal(t, "1", header.Get("X-Test"))
	require.Equal(t, "/base/api/v1/status", asked)
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, base := range []string{"http://[::1", "http://a b", "://"} {
		_, err := client.New(base).Get(t.Context(), "/status", nil)
		require.Equal(t, exit.Usage, exit.Code(err), base)
		require.ErrorContains(t, err, "address "+strings.TrimRight(base, "/"))
	}
	_, err := client.New("ftp://127.0.0.1").Get(t.Context(), "/status", nil)
	require.ErrorContains(t, err, "unsupported protocol scheme")
}

func TestAnswerThatEndsTooEarly(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"items":[`))
	}))
	defer srv.Close()
	_, err := client.New(srv.URL).Get(t.Context(), "/traces", nil)
	require.ErrorContains(t, err, "read the answer of "+srv.URL+"/api/v1/traces: ")
	require.Equal(t, exit.Failed, exit.Code(err))
}
