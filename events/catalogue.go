package events

import "slices"

// Broker is the name of the Knative Broker of one domain. An event is
// published to exactly one: every Trigger of a broker costs an HTTP call for
// every event on it, so each broker has few.
type Broker string

// The brokers of the bank.
const (
	Requests Broker = "requests" // what the ledger is asked to post
	Money    Broker = "money"    // what became of it
	Payments Broker = "payments" // invoices, from submission to paid
	Closure  Broker = "closure"  // the end of an account
	Notices  Broker = "notices"  // what people are told
)

// Brokers lists all of them.
func Brokers() []Broker { return []Broker{Requests, Money, Payments, Closure, Notices} }

// Entry is what the catalogue knows about an event type.
type Entry struct {
	Type    Type
	Broker  Broker
	Aliases []string // names that older documents use
	Public  bool     // may come in from outside through POST /events
	Says    []string // the functions that say it
	Hears   []string // the functions that hear it; empty means nobody, on purpose
	Sample  Data     // the zero value, for its Go type
}

// Catalogue lists every event of the bank, in the order of the flows.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup finds the entry of a type.
func Lookup(t Type) (Entry, bool) {
	i := slices.IndexFunc(catalogue, func(e Entry) bool { return e.Type == t })
	if i < 0 {
		return Entry{}, false
	}
	return catalogue[i], true
}

// Subscriptions lists, for each function, the types that it is owed: whoever
// says such an event may count on it being handled there.
func Subscriptions() map[string][]string {
	owed := map[string][]string{}
	for _, e := range catalogue {
		for _, consumer := range e.Hears {
			owed[consumer] = append(owed[consumer], string(e.Type))
		}
	}
	return owed
}

var catalogue = []Entry{
	{Type: TypeAccountOpened, Broker: Money, Aliases: []string{"CREATE_ACCOUNT_EVENT"}, Says: []string{"api"}, Hears: []string{"banking", "query"}, Sample: AccountOpened{}},
	{Type: TypeDepositRequested, Broker: Requests, Aliases: []string{"DEPOSIT_CMD"}, Public: true, Says: []string{"api"}, Hears: []string{"ledger-posting"}, Sample: DepositRequested{}},
	{Type: TypeDepositCompleted, Broker: Money, Aliases: []string{"DEPOSIT_EVENT"}, Says: []string{"ledger-posting"}, Hears: []string{"banking", "query", "notification"}, Sample: DepositCompleted{}},
	{Type: TypeDepositRejected, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"banking", "query"}, Sample: DepositRejected{}},
	{Type: TypeWithdrawalRequested, Broker: Requests, Aliases: []string{"WITHDRAW_CMD"}, Public: true, Says: []string{"api"}, Hears: []string{"ledger-posting"}, Sample: WithdrawalRequested{}},
	{Type: TypeWithdrawalCompleted, Broker: Money, Aliases: []string{"WITHDRAW_EVENT", "WithdrawalCompleted"}, Says: []string{"ledger-posting"}, Hears: []string{"banking", "query", "closure-mambu", "notification"}, Sample: WithdrawalCompleted{}},
	{Type: TypeWithdrawalRejected, Broker: Money, Aliases: []string{"WITHDRAW_FAILED_EVENT"}, Says: []string{"ledger-posting"}, Hears: []string{"banking", "query", "notification"}, Sample: WithdrawalRejected{}},
	{Type: TypeTransferRequested, Broker: Requests, Says: []string{"api"}, Hears: []string{"ledger-posting"}, Sample: TransferRequested{}},
	{Type: TypeTransferCompleted, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"query", "closure-mambu", "notification"}, Sample: TransferCompleted{}},
	{Type: TypeTransferRejected, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"query"}, Sample: TransferRejected{}},
	{Type: TypeBankTransactionRequested, Broker: Requests, Says: []string{"api"}, Hears: []string{"ledger-posting"}, Sample: BankTransactionRequested{}},
	{Type: TypeBankTransactionCompleted, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"query", "closure-mambu", "notification"}, Sample: BankTransactionCompleted{}},
	{Type: TypeBankTransactionRejected, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"query"}, Sample: BankTransactionRejected{}},
	{Type: TypeSuspenseRecorded, Broker: Money, Says: []string{"ledger-posting"}, Sample: SuspenseRecorded{}},

	{Type: TypePaymentSubmitted, Broker: Payments, Says: []string{"api"}, Hears: []string{"validation"}, Sample: PaymentSubmitted{}},
	{Type: TypePaymentValidated, Broker: Payments, Says: []string{"validation"}, Hears: []string{"payment"}, Sample: PaymentValidated{}},
	{Type: TypePaymentRejected, Broker: Payments, Says: []string{"validation", "payment"}, Sample: PaymentRejected{}},
	{Type: TypeProcessorNotified, Broker: Payments, Says: []string{"api", "payment"}, Hears: []string{"payment"}, Sample: ProcessorNotified{}},
	{Type: TypePaymentCaptured, Broker: Payments, Says: []string{"payment"}, Sample: PaymentCaptured{}},
	{Type: TypePaymentFailed, Broker: Payments, Says: []string{"payment"}, Sample: PaymentFailed{}},
	{Type: TypeInvoicePaid, Broker: Payments, Says: []string{"payment"}, Hears: []string{"ledger-posting", "receipt"}, Sample: InvoicePaid{}},
	{Type: TypeInvoiceCredited, Broker: Money, Says: []string{"ledger-posting"}, Hears: []string{"query"}, Sample: InvoiceCredited{}},
	{Type: TypeReceiptIssued, Broker: Notices, Says: []string{"receipt"}, Hears: []string{"notification"}, Sample: ReceiptIssued{}},

	{Type: TypeAccountCloseRequested, Broker: Closure, Says: []string{"api"}, Hears: []string{"closure-mambu"}, Sample: AccountCloseRequested{}},
	{Type: TypeClosureStarted, Broker: Closure, Says: []string{"closure-mambu"}, Hears: []string{"closure-mambu", "query"}, Sample: ClosureStarted{}},
	{Type: TypeClosureMambuClosed, Broker: Closure, Says: []string{"closure-mambu"}, Hears: []string{"closure-e"}, Sample: ClosureMambuClosed{}},
	{Type: TypeClosureRefused, Broker: Closure, Says: []string{"closure-mambu", "closure-e"}, Sample: ClosureRefused{}},
	{Type: TypeAccountClosed, Broker: Closure, Aliases: []string{"CLOSE_ACCOUNT_EVENT", "AccountClosed"}, Says: []string{"closure-e"}, Hears: []string{"banking", "query", "notification"}, Sample: AccountClosed{}},

	{Type: TypeNotificationRequested, Broker: Notices, Says: []string{"notification"}, Hears: []string{"notification"}, Sample: NotificationRequested{}},
	{Type: TypeNotificationSent, Broker: Notices, Says: []string{"notification"}, Hears: []string{"closure-e"}, Sample: NotificationSent{}},
	{Type: TypeNotificationFailed, Broker: Notices, Says: []string{"notification"}, Sample: NotificationFailed{}},
	{Type: TypeNotificationExpired, Broker: Notices, Says: []string{"notification"}, Sample: NotificationExpired{}},
	{Type: TypeDeadLetterRecorded, Broker: Notices, Says: []string{"dead-letter"}, Sample: DeadLetterRecorded{}},
	{Type: TypeAuditFinding, Broker: Notices, Says: []string{"audit"}, Sample: AuditFinding{}},
}
