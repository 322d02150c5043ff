package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/terminal"
)

func reportCommand() *cobra.Command {
	var d door
	var from, to, account, format, output string
	c := &cobra.Command{
		Use: "report", Short: "Download your transactions of the last days, at most five", Args: cobra.NoArgs,
		Long: "One set of transactions, failed ones too, newest first, whatever is posted meanwhile. Written to\n" +
			"--output only when it has arrived whole.",
		Example: "  quittance report --output transactions.csv\n  quittance report --format ndjson --from '2026-11-20 00:00:00.000'",
		RunE: func(c *cobra.Command, _ []string) error {
			question := client.ReportQuery{}
			for _, bound := range []struct {
				text string
				into *time.Time
			}{{from, &question.Start}, {to, &question.End}} {
				if err := readTime(bound.text, bound.into); err != nil {
					return usageError{err}
				}
			}
			if format != string(client.CSV) && format != string(client.NDJSON) {
				return usageError{errors.New("--format is csv or ndjson")}
			}
			t, end, err := d.teller(c)
			if err != nil {
				return err
			}
			defer end()
			if question.AccountID, err = t.AccountID(c.Context(), account); err != nil {
				return err
			}
			to, done, err := destination(c.OutOrStdout(), output)
			if err != nil {
				return err
			}
			return done(download(c.Context(), d.api, question, client.ReportFormat(format), to, bar(c.ErrOrStderr())))
		},
	}
	d.flags(c)
	f := c.Flags()
	f.StringVar(&from, "from", "", "from then on: 2023-07-11 12:01:27.053 in UTC, or RFC 3339")
	f.StringVar(&to, "to", "", "until then")
	f.StringVar(&account, "account", "", "only the account with this number")
	f.StringVar(&format, "format", string(client.CSV), "csv or ndjson")
	f.StringVarP(&output, "output", "o", "", "file (default standard output)")
	completeAccounts(c, &d, "account")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"csv", "ndjson"}, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

func readTime(text string, into *time.Time) (err error) {
	if text == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05"} { // with and without a fraction
		if *into, err = time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no time: 2023-07-11 12:01:27.053 in UTC, or RFC 3339", text)
}

// download streams the report. A client of its own waits for the end of a long answer.
func download(ctx context.Context, api string, question client.ReportQuery, format client.ReportFormat, to, bar io.Writer) error {
	bank, err := client.New(api, client.Options{Token: accessToken, UserAgent: "quittance-cli/1", HTTP: &http.Client{}})
	if err != nil {
		return usageError{err}
	}
	report, err := bank.DownloadReport(ctx, question, format)
	if err != nil {
		return err
	}
	defer func() { _ = report.Close() }() // it was read
	lines := report.Total
	if format == client.CSV && lines >= 0 {
		lines++ // the header
	}
	progress := &terminal.Progress{To: to, Bar: bar, Total: lines, Now: time.Now}
	_, err = io.Copy(progress, report)
	progress.End()
	if err != nil {
		return fmt.Errorf("the report broke off: %w", err)
	}
	if lines >= 0 && progress.Lines() != lines {
		return fmt.Errorf("the report broke off: %d of %d lines", progress.Lines(), lines)
	}
	return nil
}

// bar is where progress is drawn: a terminal, or nowhere.
func bar(stderr io.Writer) io.Writer {
	if isTerminal(stderr) {
		return stderr
	}
	return nil
}

// isTerminal tells whether a person sits at a stream.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// destination opens a file that appears under its name only when all went well.
func destination(stdout io.Writer, name string) (to io.Writer, done func(error) error, err error) {
	if name == "" {
		return stdout, func(err error) error { return err }, nil
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return nil, nil, err
	}
	return file, func(err error) error {
		if err = errors.Join(err, file.Close()); err == nil {
			err = os.Rename(file.Name(), name)
		}
		if err != nil {
			return errors.Join(err, os.Remove(file.Name()))
		}
		return nil
	}, nil
}
