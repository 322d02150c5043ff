package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/terminal"
	"quittance.dev/functions/telemetry"
)

// door is how a customer's command reaches the bank.
type door struct {
	api, logFile, logLevel string
	asJSON                 bool
}

func (d *door) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.api, "api", fromEnvironment("QUITTANCE_API", "http://127.0.0.1:8080"), "the bank's API (QUITTANCE_API)")
	f.BoolVar(&d.asJSON, "json", false, "JSON instead of words")
	f.StringVar(&d.logFile, "log", "", "append what is done, as JSON lines, to this file; - is standard error")
	f.StringVar(&d.logLevel, "log-level", "INFO", "of that log: DEBUG, INFO, WARN or ERROR")
}

func fromEnvironment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// teller is the customer's, with the token of QUITTANCE_TOKEN or of the last login.
// close ends its log.
func (d *door) teller(c *cobra.Command) (_ terminal.Teller, close func(), err error) {
	log, close, err := d.log(c.ErrOrStderr())
	if err != nil {
		return terminal.Teller{}, nil, err
	}
	bank, err := client.New(d.api, client.Options{Token: accessToken, UserAgent: "quittance-cli/1"})
	if err != nil {
		close()
		return terminal.Teller{}, nil, usageError{err}
	}
	return terminal.Teller{Bank: bank, Log: log}, close, nil
}

func (d *door) log(stderr io.Writer) (_ *slog.Logger, close func(), err error) {
	to, close := io.Discard, func() {}
	switch d.logFile {
	case "":
	case "-":
		to = stderr
	default:
		file, err := os.OpenFile(d.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("the log: %w", err)
		}
		to, close = file, func() { _ = file.Close() } // each line was written at once
	}
	log, err := telemetry.Logger(to, d.logLevel)
	if err != nil {
		close()
		return nil, nil, usageError{err}
	}
	return log, close, nil
}

func accessToken(context.Context) (string, error) {
	if token := os.Getenv("QUITTANCE_TOKEN"); token != "" {
		return token, nil
	}
	file, err := terminal.LoginFile()
	if err != nil {
		return "", err
	}
	login, err := terminal.ReadLogin(file, time.Now())
	return login.Token, err
}

// show prints v as JSON, or as words.
func (d *door) show(w io.Writer, v any, words func(io.Writer) error) error {
	if !d.asJSON {
		return words(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// exitError ends the process with a code of its own. What is to be said has been
// said when silent.
type exitError struct {
	code   int
	err    error
	silent bool
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// usageError: the command was called as it cannot be.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// codeOf is what the process ends with.
func codeOf(err error) int {
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return terminal.ExitUsage
	}
	if errors.Is(err, client.ErrUnknown) {
		return terminal.ExitUnknown
	}
	return 1
}

const exitCodes = `Exit codes: 0 done, 1 not done for another reason, 2 wrong usage, 3 no such account, 4 invalid amount,
5 insufficient funds, 6 refused for another reason, 7 not known yet: ask again under the same key.`
