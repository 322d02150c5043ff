package sms

import (
	"context"
	"log/slog"
)

// discreet keeps debug lines out of the log: those of the connection quote addresses, and the
// address of a look-up holds the customer's number.
func discreet(log *slog.Logger) *slog.Logger {
	if log == nil {
		log = slog.Default()
	}
	return slog.New(noDebug{log.Handler()})
}

type noDebug struct{ slog.Handler }

func (h noDebug) Enabled(ctx context.Context, level slog.Level) bool {
	return level > slog.LevelDebug && h.Handler.Enabled(ctx, level)
}

func (h noDebug) WithAttrs(attrs []slog.Attr) slog.Handler {
	return noDebug{h.Handler.WithAttrs(attrs)}
}

func (h noDebug) WithGroup(name string) slog.Handler { return noDebug{h.Handler.WithGroup(name)} }
