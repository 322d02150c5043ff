package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
)

func TestThePublicTypesAreThoseThatTheFunctionTakes(t *testing.T) {
	t.Parallel()
	heard := Function().Hears()
	for _, e := range events.Catalogue() {
		if e.Public {
			require.Contains(t, heard, e.Type)
		}
	}
	for _, h := range heard {
		entry, ok := events.Lookup(h)
		require.True(t, ok)
		require.True(t, entry.Public || h == events.TypeProcessorNotified, h)
		require.Contains(t, entry.Says, name, "it is said again under our own source")
	}
}

// payload of a deposit or a withdrawal.
func payload(operation, account string, minor int) string {
	return fmt.Sprintf(`{"operation_id":"%s","account_id":"%s","amount_minor":%d,"currency":"EUR"}`, operation, account, minor)
}

func structured(id, eventType, data string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"https://shop.example","type":"dev.quittance.` + eventType +
		`.v1","datacontenttype":"application/json","data":` + data + `}`
}

func (b *bank) binary(id, eventType, data string) answer {
	return b.post("/events", data, "Ce-Specversion", "1.0", "Ce-Id", id, "Ce-Source", "https://shop.example",
		"Ce-Type", "dev.quittance."+eventType+".v1")
}

func TestF04_EventsComeInBinaryStructuredAndBatched(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	operations := []string{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()}

	got := b.binary("a", "deposit.requested", payload(operations[0], account, 100))
	require.JSONEq(t, `{"events":[{"source":"https://shop.example","id":"a","journey_id":"`+operations[0]+`"}]}`, got.body)
	require.Equal(t, 202, got.status)
	require.Equal(t, operations[0], got.header.Get("Quittance-Journey"))
	got = b.post("/events", structured("b", "withdrawal.requested", payload(operations[1], account, 50)), "Content-Type", eventMediaType+"; charset=UTF-8")
	require.Equal(t, 202, got.status, got.body)
	untyped := strings.Replace(structured("c", "deposit.requested", payload(operations[2], account, 1)), `"datacontenttype":"application/json",`, "", 1)
	batch := "[" + untyped + "," +
		structured("d", "deposit.requested", payload(operations[3], account, 2)) + "]"
	got = b.post("/events", batch, "Content-Type", batchMediaType)
	require.Equal(t, 202, got.status, got.body)
	require.Len(t, as[AcceptedEvents](t, got, 202).Events, 2)

	for i, operation := range operations {
		require.Equal(t, "PENDING", string(as[Operation](t, b.get("/operation-status/"+operation), 200).Status))
		require.Equal(t, "/functions/api", one[string](b, `select source from delivery.outbox where subject = $1`, operation), "said again under our own name")
		require.Equal(t, operation, one[string](b, `select correlation_id from delivery.outbox where subject = $1`, operation))
		require.Equal(t, string(rune('a'+i)), one[string](b, `select causation_id from delivery.outbox where subject = $1`, operation))
	}

	// All of it again: nothing happens.
	before := b.rows()
	require.Equal(t, 202, b.post("/events", batch, "Content-Type", batchMediaType).status)
	require.Equal(t, 202, b.binary("a", "deposit.requested", payload(operations[0], account, 100)).status)
	require.Equal(t, 202, b.post("/events", structured("a", "deposit.requested", payload(operations[0], account, 100)), "Content-Type", eventMediaType).status,
		"the mode makes no difference")
	require.Equal(t, before, b.rows())
}

func TestF03_TwentyCopiesOfAnEventAreOneOperation(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account, operation := b.account("EUR"), uuid.NewString()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			id := "same"
			if i%2 == 1 {
				id = fmt.Sprint("other-", i) // another event, the same operation
			}
			require.Equal(t, 202, b.binary(id, "deposit.requested", payload(operation, account, 100)).status)
		})
	}
	wg.Wait()
	require.Equal(t, 1, b.said("deposit.requested"))
	require.Equal(t, 1, one[int](b, `select count(*) from banking.operation`))
}

func TestAnEventThatContradictsAnEarlierOne(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account, operation := b.account("EUR"), uuid.NewString()
	require.Equal(t, 202, b.binary("a", "deposit.requested", payload(operation, account, 100)).status)
	refused(t, b.binary("a", "deposit.requested", payload(operation, account, 101)), eventConflict)
	refused(t, b.binary("b", "deposit.requested", payload(operation, account, 101)), eventConflict)
	refused(t, b.binary("c", "withdrawal.requested", payload(operation, account, 100)), eventConflict)
	batch := "[" + structured("d", "deposit.requested", payload(uuid.NewString(), account, 5)) + "," +
		structured("a", "deposit.requested", payload(operation, account, 101)) + "]"
	p := refused(t, b.post("/events", batch, "Content-Type", batchMediaType), eventConflict)
	require.Equal(t, "/1", p.Errors[0].Pointer)
	require.Equal(t, 2, b.said("deposit.requested"), "the other of the batch is in")
	require.Equal(t, 202, b.binary("d", "deposit.requested", one[string](b, `select data::text from delivery.outbox where causation_id = 'd'`)).status)
}

func TestOfABatchAllAreValidOrNoneIsTaken(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	before := b.rows()
	good := func() string {
		return structured(uuid.NewString(), "deposit.requested", payload(uuid.NewString(), account, 1))
	}
	for i, bad := range []string{
		`{}`, `7`, `"x"`, `[]`,
		structured("x", "deposit.requested", `{}`),
		structured("x", "deposit.completed", payload(uuid.NewString(), account, 1)),
		structured("x", "processor.notified", `{"processor":"stripe","notification_id":"evt_1","processor_reference":"pi_1"}`),
		structured("x", "payment.submitted", `{"payment_id":"`+uuid.NewString()+`","invoice_id":"`+uuid.NewString()+`","amount_minor":1,"currency":"EUR"}`),
		strings.Replace(structured("x", "deposit.requested", payload(uuid.NewString(), account, 1)), "https://shop.example", "/functions/ledger-posting", 1),
	} {
		p := refused(t, b.post("/events", "["+good()+","+good()+","+bad+"]", "Content-Type", batchMediaType), malformedEvent)
		require.Equal(t, "/2", p.Errors[0].Pointer, i)
	}
	for _, batch := range []string{`[]`, `{}`, "[" + strings.Repeat(good()+",", 100) + good() + "]"} {
		refused(t, b.post("/events", batch, "Content-Type", batchMediaType), malformedEvent)
	}
	for _, batch := range []string{``, `[`, "[" + good() + "]]", "[" + good() + ",null]"} {
		refused(t, b.post("/events", batch, "Content-Type", batchMediaType), malformedJSON)
	}
	refused(t, b.post("/events", "["+good()+"]"+strings.Repeat(" ", maxBatchBytes), "Content-Type", batchMediaType), tooLarge)
	refused(t, b.post("/events", "["+good()+"]", "Content-Type", batchMediaType, "Content-Encoding", "gzip"), wrongEncoding)
	require.Equal(t, before, b.rows())
	require.Equal(t, 202, b.post("/events", "["+strings.Repeat(good()+",", 99)+good()+"]", "Content-Type", batchMediaType).status)
	require.Equal(t, 2, b.said("deposit.requested"), "ninety-nine copies of one event, and another")
}

func TestASourceOfTheBanksOwnIsNotForOutsiders(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	before := b.rows()
	for _, source := range []string{"/functions/api", "/functions/", "/functions/x"} {
		refused(t, b.post("/events", payload(uuid.NewString(), account, 1), "Ce-Specversion", "1.0", "Ce-Id", "a", "Ce-Source", source,
			"Ce-Type", "dev.quittance.deposit.requested.v1"), malformedEvent)
	}
	require.Equal(t, before, b.rows())
}
