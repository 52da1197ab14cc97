package ui

import (
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// contentPolicy lets pages run scripts and read data from their own origin only. Styles may be inline, because the
// positions of popovers and virtual rows are.
const contentPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"

// Handler serves the application from files: a file under its path, index.html for every other path, since routes live
// in the page. Files with a hash in their name are cached for good; a .gz beside a file is sent to those who take it.
func Handler(files fs.FS) http.Handler {
	return &handler{files: files}
}

type handler struct{ files fs.FS }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name, ok := h.resolve(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.serve(w, r, name)
}

// resolve maps a URL path to a file: itself where it exists, nothing for a missing asset, else the page.
func (h *handler) resolve(urlPath string) (name string, ok bool) {
	name = strings.TrimPrefix(path.Clean("/"+urlPath), "/")
	if info, err := fs.Stat(h.files, name); err == nil && info.Mode().IsRegular() {
		return name, true
	}
	if strings.HasPrefix(name, "assets/") {
		return "", false
	}
	return "index.html", true
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, name string) {
	body, encoding, err := h.read(name, acceptsGzip(r.Header.Get("Accept-Encoding")))
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "the web application is not part of this build; the API is under /api/v1", http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", contentType(name))
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", cacheControl(name))
	header.Add("Vary", "Accept-Encoding")
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // A reader that went away is no fault of ours.
}

func (h *handler) read(name string, gzip bool) (body []byte, encoding string, err error) {
	if gzip {
		if body, err = fs.ReadFile(h.files, name+".gz"); err == nil {
			return body, "gzip", nil
		}
	}
	body, err = fs.ReadFile(h.files, name)
	return body, "", err
}

// acceptsGzip reads an Accept-Encoding header; "gzip;q=0" is a refusal.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(coding) != "gzip" {
			continue
		}
		weight, isWeight := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		value, err := strconv.ParseFloat(weight, 64)
		return !isWeight || err != nil || value > 0
	}
	return false
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	if found := mime.TypeByExtension(path.Ext(name)); found != "" {
		return found
	}
	return "application/octet-stream"
}

// cacheControl: the bundler puts a hash of the content into every name under assets, so those never change.
func cacheControl(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}
