package demo

import (
	"context"
	"fmt"

	"quittance.dev/client"
)

// reportPage is small, so that a short report has pages.
const reportPage = 2

// Report reads Ben's report page by page, while he asks for one withdrawal more:
// what happens after the report was opened is on none of its pages. It returns the
// lines.
func Report(ctx context.Context, o Options, savings string) (lines []client.ReportLine, err error) {
	say := o.say()
	ben, err := o.as("ben")
	if err != nil {
		return nil, err
	}
	opened, err := ben.ReportTransactions(ctx, client.ReportQuery{Limit: reportPage, AccountID: savings})
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("Ben opens the report of his account: %d transactions, %d on a page", opened.TotalAmount, reportPage))
	asked, err := ben.Withdraw(ctx, ben.key("too late"), client.Movement{AccountID: savings, Amount: "1.00"})
	if err == nil {
		if _, err = ben.AwaitOperation(ctx, asked.Body.OperationID); err == nil {
			say("a withdrawal from the closed account is refused meanwhile")
		}
	}
	if err != nil {
		return nil, err
	}
	page := opened
	for {
		lines = append(lines, page.Transactions...)
		if page.Next == "" {
			break
		}
		if page, err = ben.ReportTransactions(ctx, client.ReportQuery{Cursor: page.Next}); err != nil {
			return nil, err
		}
	}
	if int64(len(lines)) != opened.TotalAmount {
		return lines, fmt.Errorf("the report's pages have %d transactions, not %d", len(lines), opened.TotalAmount)
	}
	for _, l := range lines {
		// A run that is taken up again finds what it asked for the first time.
		if l.TransactionID == asked.Body.OperationID && !asked.Replayed {
			return lines, fmt.Errorf("what came later is in the report")
		}
	}
	say("its pages show what was there when he opened it, and nothing else")
	return lines, nil
}
