package ui

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestFSIsTheBuiltFolder(t *testing.T) {
	// The folder's keeper is embedded whether or not the application has been built.
	_, err := fs.Stat(FS(), ".gitkeep")
	require.NoError(t, err)
	_, err = fs.Stat(FS(), "dist")
	require.ErrorIs(t, err, fs.ErrNotExist, "the root is the content of dist, not dist itself")
}

func TestHandler(t *testing.T) {
	files := fstest.MapFS{
		"index.html":           {Data: []byte("<html>page</html>")},
		"theme.js":             {Data: []byte("theme()")},
		"assets/app-1a.js":     {Data: []byte("plain script")},
		"assets/app-1a.js.gz":  {Data: []byte("packed script")},
		"assets/mono-2b.woff2": {Data: []byte("font")},
	}
	tests := []struct {
		name, method, path, accept string
		status                     int
		body, kind, cache          string
		encoding                   string
	}{
		{name: "root is the page", path: "/", status: 200, body: "<html>page</html>", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{name: "a route is the page", path: "/errors/v1:00", status: 200, body: "<html>page</html>", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{name: "an encoded id is the page", path: "/builds/github%3Agithub.com%3Aacme%2Fshop%3A1%3A1", status: 200, body: "<html>page</html>", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{name: "climbing out is the page", path: "/../../etc/passwd", status: 200, body: "<html>page</html>", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{name: "a directory is the page", path: "/assets", status: 200, body: "<html>page</html>", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{name: "a file without hash is asked for again", path: "/theme.js", status: 200, body: "theme()", kind: "text/javascript; charset=utf-8", cache: "no-cache"},
		{name: "an asset is kept", path: "/assets/app-1a.js", status: 200, body: "plain script", kind: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable"},
		{name: "packed where taken", path: "/assets/app-1a.js", accept: "br, gzip", status: 200, body: "packed script", kind: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable", encoding: "gzip"},
		{name: "plain where packed is refused", path: "/assets/app-1a.js", accept: "gzip;q=0", status: 200, body: "plain script", kind: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable"},
		{name: "plain where no packed file is", path: "/assets/mono-2b.woff2", accept: "gzip;q=0.5", status: 200, body: "font", kind: "font/woff2", cache: "public, max-age=31536000, immutable"},
		{name: "a missing asset is not the page", path: "/assets/old.js", status: 404},
		{name: "reading only", method: http.MethodPost, path: "/", status: 405},
		{name: "head has no body", method: http.MethodHead, path: "/theme.js", status: 200, kind: "text/javascript; charset=utf-8", cache: "no-cache"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			request := httptest.NewRequest(method, tt.path, nil)
			request.Header.Set("Accept-Encoding", tt.accept)
			answer := httptest.NewRecorder()
			Handler(files).ServeHTTP(answer, request)
			require.Equal(t, tt.status, answer.Code)
			if tt.status != http.StatusOK {
				return
			}
			require.Equal(t, tt.body, answer.Body.String())
			require.Equal(t, tt.kind, answer.Header().Get("Content-Type"))
			require.Equal(t, tt.cache, answer.Header().Get("Cache-Control"))
			require.Equal(t, tt.encoding, answer.Header().Get("Content-Encoding"))
			require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'self'")
		})
	}
}

func TestHandlerSaysWhenNothingIsBuilt(t *testing.T) {
	answer := httptest.NewRecorder()
	Handler(fstest.MapFS{".gitkeep": {}}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/errors", nil))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), "not part of this build")
}
