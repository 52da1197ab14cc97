package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// registry serves one package, and breaks the first answers off after some bytes.
type registry struct {
	*httptest.Server
	pkg      []byte
	breakOff []int
	ranges   []string
	status   int
}

func newRegistry(t *testing.T, pkg []byte) *registry {
	r := &registry{pkg: pkg}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ranges = append(r.ranges, req.Header.Get("Range"))
		if r.status != 0 {
			w.WriteHeader(r.status)
			return
		}
		if len(r.breakOff) > 0 {
			n := r.breakOff[0]
			r.breakOff = r.breakOff[1:]
			start := 0
			_, _ = fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-", &start)
			w.Header().Set("Content-Length", strconv.Itoa(len(r.pkg)-start))
			if start > 0 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(r.pkg)-1, len(r.pkg)))
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(r.pkg[start : start+n])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, req, "lib.tgz", time.Time{}, bytes.NewReader(r.pkg))
	}))
	t.Cleanup(r.Close)
	return r
}

func makePackage(t *testing.T, library []byte, name string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, file := range []struct {
		name string
		data []byte
	}{{"package/package.json", []byte("{}")}, {"../evil", []byte("x")}, {name, library}, {"package/README.md", []byte("r")}} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.data)), Typeflag: tar.TypeReg}))
		_, err := w.Write(file.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return buf.Bytes()
}

func randomLibrary() []byte {
	data := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func integrityOf(pkg []byte) string {
	sum := sha512.Sum512(pkg)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func shaOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func newFetcher(t *testing.T, r *registry, library []byte) (*fetcher, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return &fetcher{
		dir: filepath.Join(t.TempDir(), "bin"), client: r.Client(), out: &out, pause: time.Millisecond,
		pin: pin{name: "@chdb/lib", integrity: integrityOf(r.pkg), sha256: shaOf(library)},
		view: func(_ context.Context, spec, field string) (string, error) {
			require.Equal(t, "@chdb/lib@"+libraryVersion, spec)
			if field == "dist.integrity" {
				return integrityOf(r.pkg), nil
			}
			return r.URL + "/lib.tgz", nil
		},
	}, &out
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestFetch(t *testing.T) {
	library := randomLibrary()
	r := newRegistry(t, makePackage(t, library, member))
	f, out := newFetcher(t, r, library)
	require.NoError(t, f.fetch(t.Context()))
	got, err := os.ReadFile(f.library())
	require.NoError(t, err)
	require.Equal(t, library, got)
	info, err := os.Stat(f.library())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	require.ElementsMatch(t, []string{libraryName, ".libchdb.json"}, files(t, f.dir), "nothing else of the package, no left-overs")
	require.Contains(t, out.String(), "MB, 100%")

	f.view = func(context.Context, string, string) (string, error) { return "", errors.New("asked again") }
	out.Reset()
	require.NoError(t, f.fetch(t.Context()), "the second run does nothing")
	require.Empty(t, out.String())

	require.NoError(t, os.Remove(f.stampName()))
	require.NoError(t, f.fetch(t.Context()), "a library without a stamp is checked and taken")
	require.FileExists(t, f.stampName())

	require.NoError(t, os.WriteFile(f.library(), []byte("other"), 0o600))
	require.ErrorContains(t, f.fetch(t.Context()), "asked again", "a changed file is fetched anew")
}

func TestFetchResumes(t *testing.T) {
	library := randomLibrary()
	r := newRegistry(t, makePackage(t, library, member))
	r.breakOff = []int{100_000, 50_000}
	f, _ := newFetcher(t, r, library)
	require.NoError(t, f.fetch(t.Context()))
	require.Equal(t, []string{"", "bytes=100000-", "bytes=150000-"}, r.ranges)
	got, err := os.ReadFile(f.library())
	require.NoError(t, err)
	require.Equal(t, library, got)
}

func TestFetchGoesOnWithAnEarlierRun(t *testing.T) {
	library := randomLibrary()
	tests := []struct {
		name   string
		part   func(pkg []byte) []byte
		ranges []string
	}{
		{"half", func(pkg []byte) []byte { return pkg[:1234] }, []string{"bytes=1234-"}},
		{"whole", func(pkg []byte) []byte { return pkg }, []string{"bytes=%d-"}},
		{"garbage", func([]byte) []byte { return []byte("garbage") }, []string{"bytes=7-", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRegistry(t, makePackage(t, library, member))
			f, _ := newFetcher(t, r, library)
			require.NoError(t, os.MkdirAll(f.dir, 0o750))
			require.NoError(t, os.WriteFile(f.part(), tt.part(r.pkg), 0o600))
			require.NoError(t, f.fetch(t.Context()))
			want := tt.ranges
			if tt.name == "whole" {
				want = []string{fmt.Sprintf(tt.ranges[0], len(r.pkg))}
			}
			require.Equal(t, want, r.ranges)
		})
	}
}

func TestFetchRefuses(t *testing.T) {
	library := randomLibrary()
	tests := []struct {
		name   string
		change func(*fetcher, *registry)
		want   string
	}{
		{"package of another hash", func(f *fetcher, _ *registry) { f.pin.integrity = integrityOf([]byte("x")) }, "not what is pinned: sha512"},
		{"library of another hash", func(f *fetcher, _ *registry) { f.pin.sha256 = shaOf([]byte("x")) }, "not what is pinned: sha256"},
		{"package without the library", func(f *fetcher, r *registry) {
			r.pkg = makePackage(t, library, "package/other.so")
			f.pin.integrity = integrityOf(r.pkg)
		}, "has no package/libchdb.so"},
		{"not a package", func(f *fetcher, r *registry) {
			r.pkg = []byte("plain text")
			f.pin.integrity = integrityOf(r.pkg)
		}, "unpack"},
		{"unknown hash", func(f *fetcher, _ *registry) { f.pin.integrity = "md5-x" }, "want sha512"},
		{"not found", func(_ *fetcher, r *registry) { r.status = http.StatusNotFound }, "404 Not Found"},
		{"server that stays down", func(_ *fetcher, r *registry) { r.status = http.StatusBadGateway }, "502 Bad Gateway"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRegistry(t, makePackage(t, library, member))
			f, _ := newFetcher(t, r, library)
			tt.change(f, r)
			require.ErrorContains(t, f.fetch(t.Context()), tt.want)
			require.NoFileExists(t, f.library())
			require.NoFileExists(t, f.stampName())
			require.LessOrEqual(t, len(r.ranges), attempts)
		})
	}
}

func TestFetchStopsWithTheContext(t *testing.T) {
	r := newRegistry(t, makePackage(t, randomLibrary(), member))
	f, _ := newFetcher(t, r, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.fetch(ctx), context.Canceled)
	_, err := io.ReadAll(&contextReader{ctx: ctx, r: bytes.NewReader([]byte("x"))})
	require.ErrorIs(t, err, context.Canceled)
}

func TestUntestedPlatformTakesTheRegistrysHash(t *testing.T) {
	library := randomLibrary()
	r := newRegistry(t, makePackage(t, library, member))
	f, out := newFetcher(t, r, library)
	f.pin.integrity, f.pin.sha256 = "", ""
	require.NoError(t, f.fetch(t.Context()))
	require.Contains(t, out.String(), "untested")
	require.True(t, f.verified())
}

func TestPinFor(t *testing.T) {
	p, err := pinFor("linux", "amd64")
	require.NoError(t, err)
	require.True(t, p.tested())
	require.Equal(t, "@chdb/lib-linux-x64-gnu@26.7.3-stable.1", p.spec())
	p, err = pinFor("darwin", "arm64")
	require.NoError(t, err)
	require.False(t, p.tested())
	_, err = pinFor("plan9", "386")
	require.ErrorContains(t, err, "no embedded engine for plan9/386")
}
