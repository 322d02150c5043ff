package closure

import (
	"context"
	"log/slog"

	"quittance.dev/functions/outside"
)

// LogPairs are what every log line about a closure carries, for fn.LogWith.
func LogPairs(id, accountID string, step Step) []any {
	return []any{"closure_id", id, "account_id", accountID, "step", string(step)}
}

// LogCall has the line that an outside client logs about its call carry the
// same.
func LogCall(ctx context.Context, id, accountID string, step Step) context.Context {
	return outside.WithAttrs(ctx,
		slog.String("closure_id", id), slog.String("account_id", accountID), slog.String("step", string(step)))
}
