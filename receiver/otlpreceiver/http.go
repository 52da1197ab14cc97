package otlpreceiver

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	upstream "go.opentelemetry.io/collector/receiver/otlpreceiver"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/summitobs/summit/internal/otlpanswer"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// handler offers the paths of the signals that have a pipeline.
func (r *otlpReceiver) handler(cfg *upstream.HTTPConfig) http.Handler {
	mux := http.NewServeMux()
	for path, s := range map[upstream.SanitizedURLPath]signal{
		cfg.TracesURLPath: &r.traces, cfg.LogsURLPath: &r.logs, cfg.MetricsURLPath: &r.metrics,
	} {
		if s.used() {
			mux.HandleFunc(string(path), func(w http.ResponseWriter, req *http.Request) { r.serveHTTP(w, req, s) })
		}
	}
	return mux
}

func (r *otlpReceiver) serveHTTP(w http.ResponseWriter, req *http.Request, s signal) {
	if req.Method != http.MethodPost {
		answerText(w, http.StatusMethodNotAllowed, "405 method not allowed, supported: [POST]")
		return
	}
	switch mediaType(req.Header.Get("Content-Type")) {
	case protobufType:
		body := bodies.Get().(*bytes.Buffer)
		defer keep(body)
		if readBody(w, req, body, protobufType) {
			r.answer(w, protobufType, nil, s.take(req.Context(), r, "http", body.Bytes()))
		}
	case jsonType:
		body := new(bytes.Buffer) // what is decoded may point into it
		if readBody(w, req, body, jsonType) {
			r.answer(w, jsonType, []byte("{}"), s.takeJSON(req.Context(), r, body.Bytes()))
		}
	default:
		answerText(w, http.StatusUnsupportedMediaType, fmt.Sprintf("415 unsupported media type, supported: [%s, %s]", jsonType, protobufType))
	}
}

// bodies keeps the memory of requests for the next ones.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKeptBody is the largest request whose memory is kept.
const maxKeptBody = 16 << 20

func keep(body *bytes.Buffer) {
	if body.Cap() <= maxKeptBody {
		body.Reset()
		bodies.Put(body)
	}
}

func readBody(w http.ResponseWriter, req *http.Request, to *bytes.Buffer, contentType string) bool {
	if n := req.ContentLength; n > 0 && n <= maxKeptBody {
		to.Grow(int(n) + bytes.MinRead)
	}
	_, err := io.Copy(to, req.Body)
	if err == nil {
		err = req.Body.Close()
	}
	if err != nil {
		answerStatus(w, contentType, http.StatusBadRequest, otlpanswer.FromHTTP(err.Error(), http.StatusBadRequest))
	}
	return err == nil
}

// answer tells what became of a request; success is what stands for an empty answer in the content type.
func (r *otlpReceiver) answer(w http.ResponseWriter, contentType string, success []byte, err error) {
	if err == nil {
		answerBytes(w, contentType, http.StatusOK, success)
		return
	}
	st := otlpanswer.Of(err)
	answerStatus(w, contentType, otlpanswer.HTTPCode(st), st)
}

// answerError is how the server answers what never reached a handler: bodies that can't be decompressed, missing keys.
func answerError(w http.ResponseWriter, req *http.Request, text string, code int) {
	contentType := mediaType(req.Header.Get("Content-Type"))
	if contentType != protobufType {
		contentType = jsonType
	}
	answerStatus(w, contentType, code, otlpanswer.FromHTTP(text, code))
}

func answerStatus(w http.ResponseWriter, contentType string, code int, st *status.Status) {
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		if after, ok := otlpanswer.RetryAfter(st); ok {
			w.Header().Set("Retry-After", strconv.FormatInt(int64(after/time.Second), 10))
		}
	}
	body, err := marshalStatus(contentType, st.Proto())
	if err != nil {
		answerText(w, http.StatusInternalServerError, "encode the answer: "+err.Error())
		return
	}
	answerBytes(w, contentType, code, body)
}

func marshalStatus(contentType string, st *spb.Status) ([]byte, error) {
	if contentType == jsonType {
		return protojson.Marshal(st)
	}
	return proto.Marshal(st)
}

func answerText(w http.ResponseWriter, code int, text string) {
	answerBytes(w, "text/plain", code, []byte(text))
}

func answerBytes(w http.ResponseWriter, contentType string, code int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

func mediaType(header string) string {
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return t
}
