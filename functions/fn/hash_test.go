package fn_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func TestPayloadHash(t *testing.T) {
	t.Parallel()
	const kind = "dev.quittance.test.v1"
	plain := fn.PayloadHash(kind, []byte(`{"a":[1,2],"b":"x y"}`))
	for _, same := range []string{` { "a" : [ 1 , 2 ] , "b":"x y"}`, "{\"a\":[1,\n2],\t\"b\":\"x y\"}\r\n"} {
		require.Equal(t, plain, fn.PayloadHash(kind, []byte(same)), same)
	}
	for _, other := range []string{`{"a":[1,2],"b":"x  y"}`, `{"a":[2,1],"b":"x y"}`, `{"a":[1,2]}`, `{`, ` {`, ``} {
		require.NotEqual(t, plain, fn.PayloadHash(kind, []byte(other)), other)
	}
	require.NotEqual(t, plain, fn.PayloadHash("dev.quittance.test.v2", []byte(`{"a":[1,2],"b":"x y"}`)))
	require.NotEqual(t, fn.PayloadHash("ab", nil), fn.PayloadHash("a", []byte("b")))
	body := []byte(` { } `)
	fn.PayloadHash(kind, body)
	require.Equal(t, ` { } `, string(body), "the payload itself stays as it came")
}

// TestSameEventInOtherSpelling: a broker may write the payload anew.
func TestSameEventInOtherSpelling(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	e := fntest.Event(submitted())
	eventually(t, door, e)
	var spaced bytes.Buffer
	require.NoError(t, json.Indent(&spaced, e.Data, " ", "\t"))
	e.Data = spaced.Bytes()
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	r.holds(1, 1, 1)
}

// TestSameIDOtherPayload: not a duplicate but an alarm, for an event that is
// done, for one that is claimed, and for two in the same moment. Not parallel:
// it reads the counters.
func TestSameIDOtherPayload(t *testing.T) {
	before := counted(t, "quittance.alarms", "kind", "payload-differs")
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	e := fntest.Event(submitted())
	eventually(t, door, e)
	forged := e
	forged.Data = bytes.Replace(e.Data, []byte(`:100,`), []byte(`:999,`), 1)
	status, text := door.Post(t, forged)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "another payload")
	r.holds(1, 1, 1)
	require.Equal(t, before+1, counted(t, "quittance.alarms", "kind", "payload-differs"))
	require.Contains(t, r.text(`select last_error from delivery.failure where id = $1`, e.ID), "another payload")

	status, _ = door.Post(t, e)
	require.Equal(t, http.StatusOK, status, "the first one stays done")

	other := forged
	other.Source = "/functions/test"
	status, text = door.Post(t, other)
	require.Equal(t, http.StatusOK, status, "an id is unique by its source only: %s", text)

	remote := r.open(charging(&processor{unknown: 1}), fn.Options{})
	claimed := fntest.Event(validated(submitted()))
	status, _ = remote.Post(t, claimed)
	require.Equal(t, http.StatusServiceUnavailable, status)
	forged = claimed
	forged.Data = bytes.Replace(claimed.Data, []byte(`:100,`), []byte(`:999,`), 1)
	status, _ = remote.Post(t, forged)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	eventually(t, remote, claimed)
	require.Equal(t, before+2, counted(t, "quittance.alarms", "kind", "payload-differs"))
}
