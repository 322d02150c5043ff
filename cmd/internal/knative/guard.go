package knative

import (
	"bytes"
	"encoding/json"
	"net/http"

	"knative.dev/eventing/pkg/broker"
)

// maxErrorBody is how many bytes of a consumer's error answer reach a dead
// letter.
//
// The dispatcher of eventing v0.50.0 panics when a subscriber's error body has
// more than 768 bytes and a dead-letter sink is set: it sizes a buffer for 1,024
// base64 characters and then encodes the whole body into it
// (kncloudevents.dispatchExecutionInfoTransformers), on a goroutine that nobody
// recovers. The process would end. Every such body passes through the filter, so
// that is where it is cut, whoever wrote it.
const maxErrorBody = 512

// guardErrors cuts error bodies in the filter's answers to the dispatcher.
func guardErrors(filter http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := &errorGuard{ResponseWriter: w}
		filter.ServeHTTP(g, r)
		g.flush()
	})
}

// errorGuard keeps the body of a failure back until it is complete.
type errorGuard struct {
	http.ResponseWriter
	failed bool
	body   bytes.Buffer
}

func (g *errorGuard) WriteHeader(status int) {
	// The dispatcher's own idea of failure: anything but 2xx.
	g.failed = status < 200 || status >= 300
	g.ResponseWriter.WriteHeader(status)
}

func (g *errorGuard) Write(p []byte) (int, error) {
	if g.failed {
		return g.body.Write(p)
	}
	return g.ResponseWriter.Write(p)
}

func (g *errorGuard) flush() {
	body := g.body.Bytes()
	if len(body) > maxErrorBody { // the wrapping makes it longer, never shorter
		body = cut(body)
	}
	if len(body) > 0 {
		_, _ = g.ResponseWriter.Write(body)
	}
}

// cut shortens the subscriber's body inside the filter's wrapping.
func cut(wrapped []byte) []byte {
	var info broker.ErrExtensionInfo
	if err := json.Unmarshal(wrapped, &info); err != nil {
		return wrapped[:maxErrorBody] // not the wrapping: the dispatcher will not look inside
	}
	if len(info.ErrResponseBody) > maxErrorBody {
		info.ErrResponseBody = info.ErrResponseBody[:maxErrorBody]
	}
	short, err := json.Marshal(info)
	if err != nil {
		return nil
	}
	return short
}
