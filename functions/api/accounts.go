package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/ledger"
)

// NewAccount is the account that a customer wants.
type NewAccount struct {
	CustomerID ID             `json:"customer_id" doc:"Whose account it is."`
	Product    events.Product `json:"product" enum:"simple-savings,current" doc:"simple-savings takes one deposit and closes itself when a withdrawal empties it; current does neither."`
	Currency   Currency       `json:"currency" doc:"In which the account is kept."`
}

// Currency is a currency in a body.
type Currency string

// Schema is for the document and for huma's check of the form.
func (Currency) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: `^[A-Z]{3}$`, PatternDescription: "an ISO 4217 code",
		Description: "ISO 4217 code of a currency that the bank keeps books in.", Examples: []any{"EUR"},
	}
}

// known is the currency, if the bank keeps books in it. Its error is a *Problem.
func (c Currency) known() (money.Currency, error) {
	if currency := money.Currency(c); currency.Known() {
		return currency, nil
	}
	return "", invalidContent.problem(FieldError{Pointer: "/currency", Detail: "must be a currency that the bank keeps books in"})
}

// Account is an account as it stands in the ledger at the moment of reading.
type Account struct {
	AccountID  string         `json:"account_id" doc:"The id, for programs."`
	Number     int64          `json:"number" doc:"What people call the account. The bank gives it; it never changes."`
	CustomerID string         `json:"customer_id" doc:"Whose account it is."`
	Product    events.Product `json:"product" doc:"What kind of account it is." enum:"simple-savings,current"`
	Currency   string         `json:"currency" doc:"In which the account is kept."`
	Status     string         `json:"status" doc:"closing takes nothing any more; closed is closed everywhere." enum:"open,closing,closed"`
	Balance    Amount         `json:"balance" doc:"What is in it."`
	OpenedAt   time.Time      `json:"opened_at" doc:"Since when."`
}

func accountOf(a accounts.Account, l ledger.Account) Account {
	return Account{
		AccountID: a.ID, Number: a.Number, CustomerID: a.CustomerID, Product: a.Product, Currency: string(a.Currency),
		Status: l.Status, Balance: amountOf(l.BalanceMinor, a.Currency), OpenedAt: a.OpenedAt,
	}
}

func (a *api) accountRoutes() {
	a.openAccount()
	a.readAccount()
	a.listAccounts()
	a.closeAccount()
}

func (a *api) openAccount() {
	type input struct {
		Keyed
		Body NewAccount
	}
	op := huma.Operation{
		OperationID: "open-account", Method: http.MethodPost, Path: "/accounts", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service),
		Summary: "Open an account", DefaultStatus: http.StatusCreated,
		Description: "The account is in the ledger, at balance 0, when the answer comes.",
	}
	registerCommand(a, op, []kind{notFound}, func(_ context.Context, in *input, c *command) (work[Account], error) {
		currency, err := in.Body.Currency.known()
		return func(ctx context.Context, tx fn.Tx) (made[Account], []events.Data, error) {
			opened, said, err := open(ctx, tx, accounts.Account{
				ID: c.id, CustomerID: string(in.Body.CustomerID), Owner: c.by, Product: in.Body.Product, Currency: currency,
			})
			return made[Account]{body: opened, location: "/accounts/" + c.id}, said, err
		}, err
	})
}

// open makes the account here and in the ledger. The same account again says
// nothing.
func open(ctx context.Context, tx fn.Tx, wanted accounts.Account) (Account, []events.Data, error) {
	stored, created, err := accounts.Open(ctx, tx, wanted)
	if err != nil {
		return Account{}, nil, err
	}
	var said []events.Data
	if created {
		if err := ledger.Open(ctx, tx, stored.ID, stored.Product, stored.Currency); err != nil {
			return Account{}, nil, err
		}
		said = []events.Data{events.AccountOpened{
			AccountID: stored.ID, CustomerID: stored.CustomerID, Product: stored.Product, Currency: stored.Currency,
		}}
	}
	inLedger, err := ledger.Find(ctx, tx, stored.ID)
	return accountOf(stored, inLedger), said, err
}

// AccountNumber is a parameter that may be absent, and then is not 0.
type AccountNumber struct {
	value int64
	set   bool
}

func (n *AccountNumber) asked() *int64 {
	if !n.set {
		return nil
	}
	return &n.value
}

// Schema is that of an integer.
func (AccountNumber) Schema(huma.Registry) *huma.Schema {
	var zero float64
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &zero}
}

// Receiver tells huma where the value goes.
func (n *AccountNumber) Receiver() reflect.Value { return reflect.ValueOf(&n.value).Elem() }

// OnParamSet hears whether there was one.
func (n *AccountNumber) OnParamSet(set bool, _ any) { n.set = set }

// AccountPath is the input of routes about one account.
type AccountPath struct {
	AccountID string `path:"account_id" doc:"The account."`
}

func (a *api) readAccount() {
	type input struct {
		AccountPath
		Conditional
	}
	type output struct {
		Status int
		Cached
		Body *Account
	}
	register(a, huma.Operation{
		OperationID: "get-account", Method: http.MethodGet, Path: "/accounts/{account_id}", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary:   "Read an account",
		Responses: map[string]*huma.Response{"304": {Description: "You hold the version that there is."}},
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		account, inLedger, err := a.account(ctx, in.AccountID)
		if err == nil && account.Owner != caller(ctx).ID && !caller(ctx).May(identity.Operator) {
			err = errNotFound
		}
		if err != nil {
			return nil, err
		}
		// Nothing else of an account ever changes.
		out := &output{Status: http.StatusOK, Cached: cached(inLedger.Status + "-" + strconv.FormatInt(inLedger.Seq, 10))}
		if in.holds(out.ETag) {
			out.Status = http.StatusNotModified
			return out, nil
		}
		body := accountOf(account, inLedger)
		out.Body = &body
		return out, nil
	})
}

// account reads an account and its state in the ledger.
func (a *api) account(ctx context.Context, id string) (accounts.Account, ledger.Account, error) {
	if !isID(id) {
		return accounts.Account{}, ledger.Account{}, errNotFound
	}
	account, err := accounts.Find(ctx, a.host.Pool(), id)
	if err != nil {
		return account, ledger.Account{}, err
	}
	inLedger, err := ledger.Find(ctx, a.host.Pool(), id)
	return account, inLedger, err
}

// AccountList is a page of accounts.
type AccountList struct {
	Accounts []Account `json:"accounts" nullable:"false" doc:"Oldest first."`
	Next     string    `json:"next,omitempty" doc:"The value of after for the next page; absent at the end."`
}

// accountsInput says which accounts a list is about.
type accountsInput struct {
	Page
	CustomerID ID            `query:"customer_id" doc:"Only this customer's."`
	Number     AccountNumber `query:"number" doc:"Only the account with this number."`
}

// accountsPage reads a page of accounts that the caller may see, and the cursor of
// the next.
func (a *api) accountsPage(ctx context.Context, in *accountsInput) (found []accounts.Account, next string, _ error) {
	from, err := in.place()
	if err != nil {
		return nil, "", err
	}
	if in.After != "" && (!isID(from.id) || from.at.IsZero()) {
		return nil, "", invalidCursor.problem()
	}
	filter := accounts.Filter{Owner: caller(ctx).ID, CustomerID: string(in.CustomerID), Number: in.Number.asked()}
	if (in.CustomerID != "" || filter.Number != nil) && caller(ctx).May(identity.Operator) {
		filter.Owner = ""
	}
	found, err = accounts.List(ctx, a.host.Pool(), filter, accounts.Place{OpenedAt: from.at, ID: from.id}, in.Limit+1)
	if err != nil {
		return nil, "", err
	}
	found, next = cut(found, in.Limit, func(a accounts.Account) place { return place{a.OpenedAt, a.ID} })
	return found, next, nil
}

func (a *api) listAccounts() {
	type output struct{ Body AccountList }
	register(a, huma.Operation{
		OperationID: "list-accounts", Method: http.MethodGet, Path: "/accounts", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "List your accounts", Description: "An operator names a customer or a number and gets those.",
	}, []kind{invalidCursor}, func(ctx context.Context, in *accountsInput) (*output, error) {
		found, next, err := a.accountsPage(ctx, in)
		if err != nil {
			return nil, err
		}
		inLedger, err := a.inLedger(ctx, found)
		if err != nil {
			return nil, err
		}
		body := AccountList{Accounts: make([]Account, len(found)), Next: next}
		for i, account := range found {
			body.Accounts[i] = accountOf(account, inLedger[account.ID])
		}
		return &output{body}, nil
	})
}

// Nothing is a body without content: none at all, or an empty object.
type Nothing struct{}

// Closing is the answer to the request to close an account.
type Closing struct {
	AccountID string `json:"account_id" doc:"The account."`
	Status    string `json:"status" doc:"closing, or closed when the account is closed already." enum:"closing,closed"`
}

func (a *api) closeAccount() {
	type input struct {
		Keyed
		AccountPath
		Body *Nothing
	}
	op := huma.Operation{
		OperationID: "close-account", Method: http.MethodPost, Path: "/accounts/{account_id}/close", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service),
		Summary: "Close an empty account", DefaultStatus: http.StatusAccepted,
		Description: "From now on the account takes nothing. It is then closed in the outside systems, one after the other, which takes a while; the customer hears of it when all is done. Asking again gives the same answer.",
	}
	registerCommand(a, op, []kind{notFound, balanceNotZero}, func(ctx context.Context, in *input, c *command) (work[Closing], error) {
		err := a.owns(ctx, ownersOfAccount, in.AccountID)
		c.id, c.journey = in.AccountID, in.AccountID // an account is closed once, so it names the command
		return func(ctx context.Context, tx fn.Tx) (made[Closing], []events.Data, error) {
			account, frozen, err := ledger.Freeze(ctx, tx, in.AccountID)
			var said []events.Data
			switch {
			case err != nil:
				return made[Closing]{}, nil, err
			case account.Status == "open":
				return made[Closing]{}, nil, balanceNotZero.problem().because(string(events.BalanceNotZero))
			case frozen:
				said = []events.Data{events.AccountCloseRequested{AccountID: in.AccountID}}
			}
			return made[Closing]{body: Closing{in.AccountID, account.Status}, location: "/closures/" + in.AccountID}, said, nil
		}, err
	})
}
