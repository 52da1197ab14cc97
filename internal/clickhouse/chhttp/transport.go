package chhttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport is an http.RoundTripper that hands requests to a handler of the same process, without a socket. Such requests
// are trusted: no password is asked.
type Transport struct {
	Handler http.Handler
}

// RoundTrip runs the handler until it has sent its header; the body follows as the caller reads it. Closing the body or
// ending the request's context ends the handler.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(trusted(r.Context()))
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	inner := r.Clone(ctx)
	inner.Body, inner.RequestURI, inner.RemoteAddr = body, r.URL.RequestURI(), "in-process"
	pipeReader, pipeWriter := io.Pipe()
	w := &pipeResponse{header: http.Header{}, pipe: pipeWriter, ready: make(chan struct{})}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer cancel()
		defer body.Close()
		w.serve(t.Handler, inner)
	}()
	// A caller that gives up leaves the body unread and the handler blocked in the pipe; a body that is still being sent
	// blocks it in a read.
	stop := context.AfterFunc(ctx, func() {
		pipeWriter.CloseWithError(context.Cause(ctx))
		_ = body.Close()
	})
	select {
	case <-w.ready:
	case <-r.Context().Done():
		cancel()
		<-finished
		stop()
		return nil, r.Context().Err()
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, ContentLength: length, Request: r,
		Body: &pipeBody{PipeReader: pipeReader, end: func() { cancel(); <-finished; stop() }},
	}, nil
}

// pipeBody ends the handler when it is closed.
type pipeBody struct {
	*io.PipeReader
	end  func()
	once sync.Once
}

// Close ends the handler and waits for it.
func (b *pipeBody) Close() error {
	b.once.Do(func() {
		_ = b.PipeReader.Close()
		b.end()
	})
	return nil
}

// pipeResponse is the handler's side. It is used by the handler's goroutine alone; ready publishes status and sent.
type pipeResponse struct {
	header http.Header
	sent   http.Header
	status int
	pipe   *io.PipeWriter
	ready  chan struct{}
}

func (w *pipeResponse) serve(h http.Handler, r *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			w.WriteHeader(http.StatusInternalServerError)
			w.pipe.CloseWithError(fmt.Errorf("the store's handler panicked: %v", v))
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = w.pipe.Close()
	}()
	h.ServeHTTP(w, r)
}

// Header gives the header that is sent with the first byte.
func (w *pipeResponse) Header() http.Header { return w.header }

// WriteHeader sends the header once.
func (w *pipeResponse) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
	close(w.ready)
}

// Write gives bytes to the reader of the response and waits until it has them.
func (w *pipeResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(p)
}
