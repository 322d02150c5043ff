package outside

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"
)

// AnswerLimit is the longest answer that is read, in bytes.
const AnswerLimit = 1 << 20

// Options say how one outside system is reached. Every field but System has a
// working zero value.
type Options struct {
	// System names the other side in log lines, spans and errors: "mambu".
	System string

	// Authorize puts the credentials on a request before every attempt: see
	// Bearer, Basic and Header. An error stops the call before anything is
	// sent. Nil sends none.
	Authorize func(*http.Request) error

	// TLS names the files of a mutual TLS connection.
	TLS TLSFiles

	// Transport replaces our own: dialling, TLS files, the plain HTTP rule
	// and the address rule are then its business. The one-process bank hands
	// in a transport that never leaves memory.
	Transport http.RoundTripper

	// AllowPlainHTTP lets http:// addresses through.
	AllowPlainHTTP bool

	// AllowPrivateNetwork lets loopback and private addresses through, for a
	// system in the same data centre. Link-local addresses, where clouds keep
	// their metadata, are refused always.
	AllowPrivateNetwork bool

	// Tries is how often a request is sent at most within one call; 3 if 0.
	Tries int

	// AttemptTimeout bounds one attempt from dial to the last byte; 10 s if 0.
	AttemptTimeout time.Duration

	// WaitMin and WaitMax bound the pause before another attempt; 100 ms and
	// 2 s if 0. The pause doubles each time and is cut by a random share.
	WaitMin, WaitMax time.Duration

	// MinAttempt is the least time worth starting an attempt for; 200 ms if
	// 0. With less left until the deadline the call ends instead.
	MinAttempt time.Duration

	// MaxConns bounds the connections to one host; 64 if 0.
	MaxConns int

	// Logger gets one line per call; slog.Default() if nil.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Tries = cmp.Or(max(o.Tries, 0), 3)
	o.AttemptTimeout = cmp.Or(max(o.AttemptTimeout, 0), 10*time.Second)
	o.WaitMin = cmp.Or(max(o.WaitMin, 0), 100*time.Millisecond)
	o.WaitMax = max(cmp.Or(o.WaitMax, 2*time.Second), o.WaitMin)
	o.MinAttempt = cmp.Or(max(o.MinAttempt, 0), 200*time.Millisecond)
	o.MaxConns = cmp.Or(max(o.MaxConns, 0), 64)
	return o
}

func (o Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.Default()
}
