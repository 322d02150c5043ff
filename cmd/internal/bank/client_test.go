package bank_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/issuer"
)

// The client that comes with the module is held to the document: a method for each
// operation and a type for each schema, member by member; and each method is used
// on a whole bank.

// document is what of an OpenAPI document a client depends on.
type document struct {
	Paths      map[string]map[string]described
	Components struct{ Schemas map[string]schema }
}

type described struct {
	OperationID string `json:"operationId"`
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any    // a name, or several
	Format     string
	Enum       []string
	Items      *schema
	Properties map[string]schema
	Required   []string
}

func (s schema) is(name string) bool { return s.Type == name }

func read(t *testing.T, b *bank.Bank) document {
	t.Helper()
	response, err := http.Get(b.APIURL + "/openapi.json")
	require.NoError(t, err)
	defer response.Body.Close()
	var d document
	require.NoError(t, json.NewDecoder(response.Body).Decode(&d))
	require.NotEmpty(t, d.Paths)
	return d
}

// models are the client's types by the name of their schema.
var models = map[string]any{
	"AcceptedEvent": client.AcceptedEvent{}, "AcceptedEvents": client.AcceptedEvents{}, "Accepted": client.Accepted{},
	"Account": client.Account{}, "AccountList": client.AccountList{}, "Balance": client.Balance{}, "BalanceList": client.BalanceList{},
	"Closing": client.Closing{}, "Closure": client.Closure{}, "Customer": client.Customer{}, "DeadLetter": client.DeadLetter{},
	"DeadLetterList": client.DeadLetterList{}, "FieldError": client.FieldError{}, "Invoice": client.Invoice{},
	"JourneyView": client.JourneyView{}, "KeyRequest": client.KeyRequest{}, "KeyView": client.KeyView{}, "Movement": client.Movement{},
	"NewAccount": client.NewAccount{}, "NewCustomer": client.NewCustomer{}, "NewInvoice": client.NewInvoice{}, "NewPayment": client.NewPayment{},
	"Nothing": struct{}{}, "Operation": client.Operation{}, "Payment": client.Payment{}, "Problem": client.Problem{},
	"ReceiptLink": client.ReceiptLink{}, "Step": client.Step{}, "Transaction": client.Transaction{},
	"Report": client.Report{}, "ReportLine": client.ReportLine{}, "TransactionList": client.TransactionList{}, "Transition": client.Transition{},
	"NewTransfer": client.NewTransfer{}, "Transfer": client.Transfer{}, "NewBankTransaction": client.NewBankTransaction{}, "BankTransaction": client.BankTransaction{},
	"AskedBankTransaction": client.AskedBankTransaction{}, "BankTransactionList": client.BankTransactionList{},
}

// goName is an operation's name in Go.
func goName(id string) string {
	var name strings.Builder
	for part := range strings.SplitSeq(id, "-") {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return name.String()
}

func TestB30_TheClientIsTheDocument(t *testing.T) {
	b := start(t, nil)
	d := read(t, b)
	constants := constantsOf(t, "../../../client")

	methods := reflect.TypeFor[*client.Client]()
	for path, item := range d.Paths {
		for method, op := range item {
			_, there := methods.MethodByName(goName(op.OperationID))
			require.True(t, there, "%s %s: the client has no %s", method, path, goName(op.OperationID))
		}
	}
	for name, s := range d.Components.Schemas {
		model, there := models[name]
		require.True(t, there, "the client has no type for the schema %s", name)
		holdType(t, name, s, reflect.TypeOf(model), constants)
	}
	for name := range models {
		require.Contains(t, d.Components.Schemas, name, "there is no such schema any more")
	}
	var types []string
	for _, problem := range client.ProblemTypes() {
		types = append(types, string(problem))
	}
	require.ElementsMatch(t, d.Components.Schemas["Problem"].Properties["type"].Enum, types)

	useEverything(t, b, d)
}

// holdType compares a schema's members with a struct's.
func holdType(t *testing.T, name string, s schema, model reflect.Type, constants map[string][]string) {
	t.Helper()
	required, there := map[string]bool{}, map[string]bool{}
	for _, property := range s.Required {
		required[property] = true
	}
	for i := range model.NumField() {
		field := model.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		property, known := s.Properties[tag]
		require.True(t, known, "%s.%s: the schema has no %s", name, field.Name, tag)
		there[tag] = true
		require.Equal(t, required[tag], options == "", "%s.%s: omitted when empty only if the schema does not require it", name, field.Name)
		holdValue(t, name+"."+field.Name, property, field.Type, constants)
	}
	for property := range s.Properties {
		require.True(t, there[property] || property == "$schema", "%s: the client lacks the member %s", name, property)
	}
}

func holdValue(t *testing.T, where string, s schema, model reflect.Type, constants map[string][]string) {
	t.Helper()
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	switch {
	case s.Ref != "":
		require.Equal(t, s.Ref[strings.LastIndex(s.Ref, "/")+1:], model.Name(), where)
	case s.Items != nil:
		require.Equal(t, reflect.Slice, model.Kind(), where)
		holdValue(t, where, *s.Items, model.Elem(), constants)
	case s.Format == "date-time":
		require.Equal(t, "time.Time", model.String(), where)
	case model == reflect.TypeFor[client.Timestamp]():
		require.True(t, s.is("string"), where)
	case s.is("number"):
		require.Equal(t, "client.Amount", model.String(), "%s: no float comes near an amount", where)
	case s.is("integer"):
		require.Contains(t, []reflect.Kind{reflect.Int, reflect.Int64}, model.Kind(), where)
	case s.is("boolean"):
		require.Equal(t, reflect.Bool, model.Kind(), where)
	case s.is("string"):
		require.Equal(t, reflect.String, model.Kind(), where)
	default:
		t.Fatalf("%s: the test does not know the schema %+v", where, s)
	}
	if len(s.Enum) > 0 && where != "Closing.Status" { // an account that was asked to close is not open
		require.ElementsMatch(t, s.Enum, constants[model.Name()], "%s: the constants of %s", where, model.Name())
	}
}

// constantsOf reads the string constants of each type of a package.
func constantsOf(t *testing.T, folder string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	found := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || spec.Type == nil || len(spec.Values) != 1 {
				return true
			}
			kind, ok := spec.Type.(*ast.Ident)
			literal, isLiteral := spec.Values[0].(*ast.BasicLit)
			if ok && isLiteral && literal.Kind == gotoken.STRING {
				value, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				found[kind.Name] = append(found[kind.Name], value)
			}
			return true
		})
	}
	return found
}

// recorder notes which routes were used.
type recorder struct {
	mu   sync.Mutex
	used map[string]bool
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil && response.StatusCode < 300 {
		r.mu.Lock()
		r.used[request.Method+" "+request.URL.EscapedPath()] = true
		r.mu.Unlock()
	}
	return response, err
}

// useEverything uses each operation of the document once, and it succeeds.
func useEverything(t *testing.T, b *bank.Bank, d document) {
	t.Helper()
	ctx, record := t.Context(), &recorder{used: map[string]bool{}}
	as := func(name string) *client.Client {
		i := slices.IndexFunc(issuer.Users(), func(u issuer.User) bool { return u.Name == name })
		signed, err := b.Outside.Issuer.Token(issuer.Users()[i])
		require.NoError(t, err)
		c, err := client.New(b.APIURL, client.Options{Token: client.StaticToken(signed), HTTP: &http.Client{Transport: record}})
		require.NoError(t, err)
		return c
	}
	ada, shop, olga := as("ada"), as("shop"), as("olga")

	key := client.NewKey()
	customer, err := ada.CreateCustomer(ctx, key, client.NewCustomer{Name: "Ada", Email: "ada@example.org", Phone: "+41790000001"})
	require.NoError(t, err)
	again, err := ada.CreateCustomer(ctx, key, client.NewCustomer{Name: "Ada", Email: "ada@example.org", Phone: "+41790000001"})
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, customer.Body, again.Body)
	view, err := ada.GetIdempotencyKey(ctx, key)
	require.NoError(t, err)
	require.Equal(t, "/customers", view.Requests[0].Route)

	open := func(c *client.Client, customer string) client.Account {
		opened, err := c.OpenAccount(ctx, "", client.NewAccount{CustomerID: customer, Product: client.Current, Currency: "EUR"})
		require.NoError(t, err)
		return opened.Body
	}
	account := open(ada, customer.Body.CustomerID)
	deposited, err := ada.Deposit(ctx, "", client.Movement{AccountID: account.AccountID, Amount: "10.00"})
	require.NoError(t, err)
	op, err := ada.AwaitOperation(ctx, deposited.Body.OperationID)
	require.NoError(t, err)
	require.Equal(t, client.Completed, op.Status)
	withdrawn, err := ada.Withdraw(ctx, "", client.Movement{AccountID: account.AccountID, Amount: "10"})
	require.NoError(t, err)
	op, err = ada.AwaitOperation(ctx, withdrawn.Body.OperationID)
	require.NoError(t, err)
	require.Equal(t, client.Amount("0.00"), *op.BalanceAfter)
	_, err = ada.GetAccount(ctx, account.AccountID)
	require.NoError(t, err)
	list, err := ada.ListAccounts(ctx, client.AccountFilter{Number: &account.Number}, client.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, account.AccountID, list.Accounts[0].AccountID)
	require.True(t, assertEventually(waitForView, tick, func() bool {
		balance, err := ada.GetBalance(ctx, account.AccountID)
		return err == nil && balance.Version == 2
	}))
	_, err = ada.ListBalances(ctx, client.AccountFilter{CustomerID: customer.Body.CustomerID}, client.Page{})
	require.NoError(t, err)
	page, err := ada.ReportTransactions(ctx, client.ReportQuery{AccountID: account.AccountID})
	require.NoError(t, err)
	require.EqualValues(t, len(page.Transactions), page.TotalAmount)
	transactions, err := ada.ListTransactions(ctx, account.AccountID, client.Page{})
	require.NoError(t, err)
	require.Len(t, transactions.Transactions, 2)
	_, err = ada.GetJourney(ctx, withdrawn.Journey)
	require.NoError(t, err)

	invoice, err := ada.CreateInvoice(ctx, "", client.NewInvoice{
		AccountID: account.AccountID, CustomerID: customer.Body.CustomerID, Amount: "12.50", Currency: "EUR", Reference: "Rent"})
	require.NoError(t, err)
	payment, err := ada.SubmitPayment(ctx, "", invoice.Body.InvoiceID, client.NewPayment{Amount: "12.50", Currency: "EUR", Method: client.Card, PaymentMethod: "pm_card_visa"})
	require.NoError(t, err)
	_, err = ada.GetPayment(ctx, payment.Body.PaymentID)
	require.NoError(t, err)
	require.True(t, assertEventually(waitForView, tick, func() bool {
		read, err := ada.GetInvoice(ctx, invoice.Body.InvoiceID)
		return err == nil && read.Receipt != nil
	}))
	pdf, err := ada.GetReceipt(ctx, invoice.Body.InvoiceID)
	require.NoError(t, err)
	require.Equal(t, "%PDF-", string(pdf[:5]))

	gift, err := as("trude").BankTransaction(ctx, "", client.NewBankTransaction{DstAccountID: account.AccountID, Amount: "2.00", Direction: client.Credit, Reason: "Welcome"})
	require.NoError(t, err)
	require.Equal(t, client.Succeeded, gift.Body.Status)
	require.False(t, gift.Body.Timestamp.IsZero())
	why, err := as("trude").ListBankTransactions(ctx, client.BankTransactionFilter{AccountID: account.AccountID, Reason: "welcome"}, client.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, gift.Body.TransactionID, why.BankTransactions[0].TransactionID)
	other := open(ada, customer.Body.CustomerID)
	transfer := client.NewTransfer{SrcAccountID: other.AccountID, DstAccountID: account.AccountID, Amount: "1.50", Direction: client.Credit}
	moved, err := ada.Transfer(ctx, "", transfer)
	require.NoError(t, err)
	require.Equal(t, client.Succeeded, moved.Body.Status, moved.Body.Reason)
	transfer.Amount = "1000.00"
	moved, err = ada.Transfer(ctx, "", transfer)
	require.NoError(t, err)
	require.Equal(t, client.Fail, moved.Body.Status)
	require.NotEmpty(t, moved.Body.Reason)

	empty := open(ada, customer.Body.CustomerID)
	_, err = ada.CloseAccount(ctx, "", empty.AccountID)
	require.NoError(t, err)
	require.True(t, assertEventually(waitForView, tick, func() bool {
		closure, err := ada.GetClosure(ctx, empty.AccountID)
		return err == nil && closure.State == client.ClosureClosed
	}))
	shopper, err := shop.CreateCustomer(ctx, "", client.NewCustomer{Name: "Shop", Email: "shop@example.org", Phone: "+41790000001"})
	require.NoError(t, err)
	shopAccount := open(shop, shopper.Body.CustomerID)
	deposit := func() client.Event {
		id := uuid.NewString()
		return client.Event{ID: id, Source: "/shop", Type: client.DepositRequested, Subject: id, Data: client.OperationData{
			OperationID: id, AccountID: shopAccount.AccountID, AmountMinor: 5, Currency: "EUR"}}
	}
	_, err = shop.PostEvents(ctx, deposit())
	require.NoError(t, err)
	accepted, err := shop.PostEvents(ctx, deposit(), deposit())
	require.NoError(t, err)
	require.Len(t, accepted.Events, 2)
	_, err = olga.ListDeadLetters(ctx, client.DeadLetterFilter{Status: client.DeadLetterOpen}, client.Page{})
	require.NoError(t, err)
	err = ada.PostStripeWebhook(ctx, []byte(`{}`), "t=1,v1=x")
	refused, ok := errors.AsType[*client.Problem](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, client.SignatureRefused, refused.Type, "only the processor can sign")
	record.used["POST /webhooks/stripe"] = true

	_, err = ada.GetAccount(ctx, uuid.NewString())
	refused, ok = errors.AsType[*client.Problem](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, client.NotFound, refused.Type)

	used := slices.Collect(maps.Keys(record.used))
	for path, item := range d.Paths {
		pattern := regexp.MustCompile(`^` + regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + `$`)
		for method, op := range item {
			require.True(t, slices.ContainsFunc(used, func(u string) bool {
				verb, at, _ := strings.Cut(u, " ")
				return strings.EqualFold(verb, method) && pattern.MatchString(at)
			}), "%s is not used in this test", op.OperationID)
		}
	}
}

// The module of the client is for others: it says what it is and needs nothing.
func TestTheClientNeedsNothing(t *testing.T) {
	text, err := os.ReadFile("../../../client/go.mod")
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`(?m)^require (\S+)`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, []string{"github.com/stretchr/testify", "go.yaml.in/yaml/v3"}, line[1], "for its tests only")
	}
}

const (
	waitForView = 30 * time.Second
	tick        = 20 * time.Millisecond
)
