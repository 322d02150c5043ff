package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"quittance.dev/functions/strictjson"
)

// maxBody caps a JSON body, in bytes.
const maxBody = 64 << 10

// jsonBody reads the whole body, at most maxBody of strict JSON, before anybody
// looks into it.
func (t *routes) jsonBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, p := t.readBody(w, r, maxBody)
		if p == nil && len(body) > 0 {
			p = checkJSON(r, body)
		}
		if p != nil {
			writeProblem(w, r, p)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json") // in the one spelling that huma knows
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, asked{r.URL.Path, body})))
	})
}

// asked is a request as it came.
type asked struct {
	path string
	body []byte // strict JSON, or empty
}

type askedKey struct{}

func askedOf(ctx context.Context) asked {
	a, _ := ctx.Value(askedKey{}).(asked)
	return a
}

// readBody reads a body as it came: not encoded, not over limit bytes, in time.
func (t *routes) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Problem) {
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(encoding), "identity") {
			return nil, wrongEncoding.problem()
		}
	}
	// A server without deadlines, as in tests, cannot set one; it has none to fear.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(t.bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		// After an error the deadline stays: the server reads what is left of
		// the body before it closes the connection, and must not wait for it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	var large *http.MaxBytesError
	var slow net.Error
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge.problem()
	case errors.As(err, &slow) && slow.Timeout():
		return nil, slowRequest.problem()
	default:
		return nil, malformedRequest.problem()
	}
}

func checkJSON(r *http.Request, body []byte) *Problem {
	if !isMediaType(r, "application/json") {
		return wrongMediaType.problem()
	}
	var fault *strictjson.Fault
	if errors.As(strictjson.Check(body), &fault) {
		return malformedJSON.problem(FieldError{Pointer: fault.Pointer, Detail: fault.Rule})
	}
	return nil
}

// isMediaType: the one Content-Type is want, in UTF-8.
func isMediaType(r *http.Request, want string) bool {
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	mediaType, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || mediaType != want {
		return false
	}
	for name, value := range parameters {
		if name == "charset" && !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// jsonFormat reads and writes JSON for huma.
var jsonFormat = huma.Format{
	Marshal:   func(w io.Writer, v any) error { return json.MarshalWrite(w, v) },
	Unmarshal: strictjson.Decode,
}
