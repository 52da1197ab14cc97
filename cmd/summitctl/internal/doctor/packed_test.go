package doctor

import (
	"compress/gzip"
	"io"
	"net/http"
)

// readPacked reads a body that may be compressed.
func readPacked(req *http.Request) ([]byte, error) {
	var r io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(req.Body)
		if err != nil {
			return nil, err
		}
		r = zr
	}
	return io.ReadAll(r)
}
