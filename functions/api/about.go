package api

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// about says of each schema what it is.
var about = map[string]string{
	"Accepted":             "The answer to a movement: asked for, not done.",
	"AcceptedEvent":        "The answer for one event.",
	"AcceptedEvents":       "The answer for events that came in.",
	"Account":              "An account as it stands in the ledger at the moment of reading.",
	"AccountList":          "A page of accounts.",
	"Balance":              "What is in an account after its latest posting that the projection has heard of.",
	"BalanceList":          "A page of balances.",
	"Closing":              "The answer to the request to close an account.",
	"Closure":              "The end of an account and how far it is.",
	"Customer":             "A customer of the bank.",
	"DeadLetter":           "An event that a function could not handle.",
	"DeadLetterList":       "A page of dead letters.",
	"FieldError":           "One broken rule.",
	"Invoice":              "What is owed, and how it stands.",
	"JourneyView":          "Everything that one request set going.",
	"KeyRequest":           "One request and what it was answered.",
	"KeyView":              "What became of your requests under a key.",
	"Movement":             "What somebody asks to pay in or out.",
	"NewAccount":           "The account that a customer wants.",
	"NewCustomer":          "Who becomes a customer.",
	"NewInvoice":           "The invoice that a payee writes.",
	"NewPayment":           "The payment of an invoice.",
	"Nothing":              "A body without content.",
	"Operation":            "A deposit or a withdrawal and what became of it.",
	"Payment":              "One payment of an invoice.",
	"Problem":              "An error, as RFC 9457 wants it told.",
	"ReceiptLink":          "Where a receipt is.",
	"Report":               "A page of a report, all of whose pages are of one set.",
	"ReportLine":           "One transaction, whatever became of it.",
	"Step":                 "One event of a journey at one function.",
	"Transaction":          "One posting to an account.",
	"TransactionList":      "A page of transactions.",
	"Transfer":             "A transfer and what became of it.",
	"NewTransfer":          "A transfer that somebody asks for.",
	"BankTransaction":      "What the bank took from a customer or gave, and what became of it.",
	"AskedBankTransaction": "What the bank was asked to take from a customer or to give, and why.",
	"BankTransactionList":  "A page of what the bank was asked to take and to give.",
	"NewBankTransaction":   "What the bank takes from a customer or gives.",
	"Transition":           "One step of a closure.",
}

// finish puts into the document what is the same everywhere: what each schema is, and
// the headers that tell a caller how much there is left.
func (a *api) finish() {
	document := a.huma.OpenAPI()
	for name, s := range document.Components.Schemas.Map() {
		if s.Description == "" {
			s.Description = about[name]
		}
	}
	headers := map[string]*huma.Param{
		"RateLimit-Policy": {
			Description: "How many requests you have and in how many seconds they grow back (draft-ietf-httpapi-ratelimit-headers).",
			Schema:      &huma.Schema{Type: huma.TypeString, Examples: []any{`"caller";q=100;w=2`}},
		},
		"RateLimit": {
			Description: "How many are left, and seconds until there are more.",
			Schema:      &huma.Schema{Type: huma.TypeString, Examples: []any{`"caller";r=99;t=1`}},
		},
	}
	for _, item := range document.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil || len(scopesOf(op)) == 0 {
				continue // nobody is counted
			}
			for _, response := range op.Responses {
				if response.Headers == nil {
					response.Headers = map[string]*huma.Param{}
				}
				for name, header := range headers {
					response.Headers[name] = header
				}
			}
		}
	}
}

// plain takes out of the document what no reader of OpenAPI knows.
func plain(document string) string {
	return strings.ReplaceAll(document, "patternDescription", "x-pattern-description")
}
