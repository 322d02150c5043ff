package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"quittance.dev/client"
)

// Session is a customer at a terminal.
type Session struct {
	Teller Teller
	In     io.Reader
	Out    io.Writer
	Echo   bool // In is no terminal, which would show what is typed
}

// Withdrawals shows the accounts, asks for one and for an amount, tells the outcome
// and asks for another, until the customer has had enough or there is no more input.
func (s Session) Withdrawals(ctx context.Context) error {
	lines := bufio.NewScanner(s.In)
	for {
		if err := s.show(ctx); err != nil {
			return err
		}
		account, more := s.ask(lines, "Account: ")
		if !more || account == "" {
			return s.end(lines)
		}
		amount, more := s.ask(lines, "Amount: ")
		if !more {
			return s.end(lines)
		}
		if err := s.withdraw(ctx, account, amount); err != nil {
			return err
		}
		again, more := s.ask(lines, "Another withdrawal? [y/N] ")
		if !more || !strings.HasPrefix(strings.ToLower(again), "y") {
			return s.end(lines)
		}
	}
}

func (s Session) show(ctx context.Context) error {
	accounts, err := s.Teller.Accounts(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out)
	if err := PrintAccounts(s.Out, accounts); err != nil {
		return err
	}
	fmt.Fprintln(s.Out)
	return nil
}

// withdraw asks the bank once; what could not be found out is told with the key,
// and the session goes on.
func (s Session) withdraw(ctx context.Context, account, amount string) error {
	key := client.NewKey()
	w, err := s.Teller.Withdraw(ctx, key, account, amount)
	switch {
	case errors.Is(err, client.ErrUnknown):
		fmt.Fprintf(s.Out, "The bank does not answer. Find out with: quittance withdraw --account %s --amount %s --key %s\n", w.Account, w.Amount, key)
		return ctx.Err()
	case err != nil:
		return err
	}
	fmt.Fprintln(s.Out, w)
	return nil
}

// ask prints a question and reads the line of the answer; more is false at the end
// of the input.
func (s Session) ask(lines *bufio.Scanner, question string) (answer string, more bool) {
	fmt.Fprintf(s.Out, "%s", question)
	if !lines.Scan() {
		fmt.Fprintln(s.Out)
		return "", false
	}
	if s.Echo {
		fmt.Fprintln(s.Out, lines.Text())
	}
	return strings.TrimSpace(lines.Text()), true
}

func (s Session) end(lines *bufio.Scanner) error {
	fmt.Fprintln(s.Out, "Goodbye.")
	return lines.Err()
}
