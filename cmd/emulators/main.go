// Command emulators is the outside world of a bank on a cluster where nothing is
// real: Mambu, E, the card processor, the mail gateway and the text gateway, each
// on a port of its own and over TLS. Their books lie on disk. On one more port,
// which no function may reach, the books can be read and the moods set.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, os.LookupEnv, logger); err != nil {
		logger.Error("ended", "error", err)
		os.Exit(1)
	}
}
