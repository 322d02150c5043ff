package fn

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errNested: the kernel opens and ends the transaction; nobody inside does.
var errNested = errors.New("the kernel owns this transaction")

// Begin refuses: transactions do not nest.
func (Tx) Begin(context.Context) (pgx.Tx, error) { return nil, errNested }

// Commit refuses: the kernel commits.
func (Tx) Commit(context.Context) error { return errNested }

// Rollback refuses: return an error instead.
func (Tx) Rollback(context.Context) error { return errNested }
