package closuree_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/fn/fntest"
)

func mailSent(accountID string) events.NotificationSent {
	return events.NotificationSent{NotificationID: uuid.NewString(), Kind: "account.closed", SubjectID: accountID, Channel: "email"}
}

func TestA13_A21_TheMailIsNotedOnceAndStaysAtItsTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, event := b.closedInMambu()
	b.deliver(http.StatusOK, event)
	sent := fntest.Event(mailSent(accountID))
	require.Equal(b, ok(20), b.atOnce(sent))
	row := closuretest.One(b, b.owner, accountID)
	require.NotNil(b, row.EmailSentAt)
	require.Equal(b, closure.Closed, row.State)

	sent.ID = uuid.NewString()
	b.deliver(http.StatusOK, sent)
	require.Equal(b, row.EmailSentAt, closuretest.One(b, b.owner, accountID).EmailSentAt)
	require.Equal(b, toTheEnd, closuretest.History(b, b.owner, accountID), "a mail is no transition")
}

func TestOtherMessagesAreNoneOfOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, event := b.closedInMambu()
	b.deliver(http.StatusOK, event)
	sms, receipt := mailSent(accountID), mailSent(accountID)
	sms.Channel, receipt.Kind = "sms", "receipt.issued"
	b.deliver(http.StatusOK, fntest.Event(sms))
	b.deliver(http.StatusOK, fntest.Event(receipt))
	require.Nil(b, closuretest.One(b, b.owner, accountID).EmailSentAt)
}

func TestA07_AMailAboutAnAccountThatIsNotClosedIsForAPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, _ := b.closedInMambu()
	b.deliver(http.StatusUnprocessableEntity, fntest.Event(mailSent(accountID)))
	b.deliver(http.StatusUnprocessableEntity, fntest.Event(mailSent(uuid.NewString())))
	require.Nil(b, closuretest.One(b, b.owner, accountID).EmailSentAt)
}
