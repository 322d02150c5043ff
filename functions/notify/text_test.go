package notify

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/notification"
	"quittance.dev/functions/sms"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestTextsAreTheGoldenOnes: what customers read changes only on purpose.
func TestTextsAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	texts := newTexts()
	account := "7b0f7a3e-56a5-4f6f-9a55-0d5c5b0b9e11"
	for _, n := range []notification.Notification{
		{Kind: notification.AccountClosed, Channel: notification.Email, Content: notification.Content{AccountID: account}},
		{Kind: notification.ReceiptIssued, Channel: notification.Email, Content: notification.Content{
			InvoiceID: "0c6f0f4e-8f1f-4a3e-9c87-2f1f7f1b2a30", ReceiptNumber: "QUITTANCE-00000042", AmountMinor: 12050, Currency: "EUR"}},
		{Kind: notification.DepositCompleted, Channel: notification.SMS, Content: notification.Content{
			AccountID: account, AmountMinor: 1, BalanceMinor: 100, Currency: "CHF"}},
		{Kind: notification.WithdrawalCompleted, Channel: notification.SMS, Content: notification.Content{
			AccountID: account, AmountMinor: 1500, Currency: "JPY"}},
		{Kind: notification.WithdrawalRejected, Channel: notification.SMS, Content: notification.Content{
			AccountID: account, AmountMinor: 1234567, Currency: "KWD", Reason: events.InsufficientFunds}},
	} {
		subject, body, err := texts.write(n, "Ada Lovelace")
		require.NoError(t, err)
		got := body
		if n.Channel == notification.Email {
			got = "Subject: " + subject + "\n\n" + body
		} else {
			one := 160 - len("\nRef "+sms.Reference(""))
			require.LessOrEqual(t, len(body), one, "a text message of one part, with its reference")
		}
		file := filepath.Join("testdata", string(n.Kind)+"."+string(n.Channel)+".golden")
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got)
		again, _, err := texts.write(n, "Ada Lovelace")
		require.NoError(t, err)
		require.Equal(t, subject, again)
	}
}

// TestNothingInAValueWritesALineOfItsOwn: no header injection, no forged
// paragraphs, whatever the breaks are.
func TestNothingInAValueWritesALineOfItsOwn(t *testing.T) {
	t.Parallel()
	texts := newTexts()
	plain, calm, err := texts.write(notification.Notification{Kind: notification.ReceiptIssued, Channel: notification.Email,
		Content: notification.Content{ReceiptNumber: "1 Bcc: all@example.org", Currency: "EUR"}}, "Eve Subject: x")
	require.NoError(t, err)
	for _, lineBreak := range []string{"\r\n", "\n", "\r", "\n\n", "\v", "\f", "\u0085", "\u2028", "\u2029", "\x00", "\t"} {
		subject, body, err := texts.write(notification.Notification{Kind: notification.ReceiptIssued, Channel: notification.Email,
			Content: notification.Content{ReceiptNumber: "1" + lineBreak + "Bcc: all@example.org", Currency: "EUR"}}, "Eve"+lineBreak+"Subject: x")
		require.NoError(t, err)
		require.Equal(t, plain, subject, "%q", lineBreak)
		require.Equal(t, calm, body, "%q", lineBreak)
	}
	_, body, err := texts.write(notification.Notification{Kind: notification.AccountClosed, Channel: notification.Email}, "{{.Account}} \xff")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(body, "Dear {{.Account}} ?,"), "a name is no template")
}
