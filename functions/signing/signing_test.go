package signing_test

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const consumer = "ledger-posting"

func event() signing.Event {
	return signing.Event{
		ID: "id", Source: "/functions/api", Type: "dev.quittance.deposit.requested.v1", Subject: "subject", PartitionKey: "account",
		CorrelationID: "journey", CausationID: "cause", Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Hash: sha256.Sum256([]byte("data")),
	}
}

func line(id, filler string) string {
	return id + " " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(filler, 32))) + "\n"
}

// TestD2_WhateverIsChangedIsFound: every attribute that a signature covers, one
// at a time, and what could be moved from one to the next.
func TestD2_WhateverIsChangedIsFound(t *testing.T) {
	keys := signing.Ephemeral(consumer, "payment")
	signature, err := keys.Sign(event(), consumer)
	require.NoError(t, err)
	require.NoError(t, keys.Ring(consumer).Verify(consumer, event(), signature))
	elsewhere := event()
	elsewhere.Time = elsewhere.Time.In(time.FixedZone("east", 3600))
	require.NoError(t, keys.Ring(consumer).Verify(consumer, elsewhere, signature), "the same instant")
	for name, change := range map[string]func(*signing.Event){
		"id":            func(e *signing.Event) { e.ID = "ie" },
		"source":        func(e *signing.Event) { e.Source = "/functions/payment" },
		"type":          func(e *signing.Event) { e.Type = "dev.quittance.withdrawal.requested.v1" },
		"subject":       func(e *signing.Event) { e.Subject = "" },
		"partition key": func(e *signing.Event) { e.PartitionKey = "another" },
		"journey":       func(e *signing.Event) { e.CorrelationID = "another" },
		"cause":         func(e *signing.Event) { e.CausationID = "" },
		"time":          func(e *signing.Event) { e.Time = e.Time.Add(1) },
		"no time":       func(e *signing.Event) { e.Time = time.Time{} },
		"payload":       func(e *signing.Event) { e.Hash[31] ^= 1 },
		"border":        func(e *signing.Event) { e.Subject, e.PartitionKey = "subjecta", "ccount" },
	} {
		e := event()
		change(&e)
		require.ErrorIs(t, keys.Ring(consumer).Verify(consumer, e, signature), signing.ErrForged, name)
	}
	require.ErrorIs(t, signing.Ephemeral(consumer).Ring(consumer).Verify(consumer, event(), signature), signing.ErrForged, "another bank's key")
}

// TestD2_OneConsumersSignatureIsNoOthers: who can check cannot make one that
// somebody else would take.
func TestD2_OneConsumersSignatureIsNoOthers(t *testing.T) {
	keys := signing.Ephemeral(consumer, "payment")
	signature, err := keys.Sign(event(), consumer)
	require.NoError(t, err)
	require.ErrorIs(t, keys.Ring("payment").Verify("payment", event(), signature), signing.ErrUnsigned)
	renamed := strings.Replace(signature, consumer, "payment", 1)
	require.ErrorIs(t, keys.Ring("payment").Verify("payment", event(), renamed), signing.ErrForged)
	require.ErrorIs(t, keys.Ring(consumer).Verify("payment", event(), renamed), signing.ErrForged, "not even under the same key")

	both, err := keys.Sign(event(), consumer, "payment")
	require.NoError(t, err)
	for _, name := range []string{consumer, "payment"} {
		require.NoError(t, keys.Ring(name).Verify(name, event(), both))
	}
}

// TestWhatIsNoSignature is refused, whatever it looks like.
func TestWhatIsNoSignature(t *testing.T) {
	keys := signing.Ephemeral(consumer)
	ring := keys.Ring(consumer)
	signature, err := keys.Sign(event(), consumer)
	require.NoError(t, err)
	parts := strings.Split(signature, ",")
	for _, s := range []string{"", " ", "v1", "v1,", "v1,,,", signature[1:], strings.Replace(signature, "v1", "v2", 1), strings.ToUpper(signature), parts[3], strings.Join(parts[:3], ",")} {
		require.ErrorIs(t, ring.Verify(consumer, event(), s), signing.ErrUnsigned, "%q", s)
	}
	flipped := []byte(signature)
	flipped[len(flipped)-10] ^= 1
	head := strings.Join(parts[:3], ",") + ","
	for _, s := range []string{string(flipped), signature + "A", signature[:len(signature)-1], signature + "=", head, head + strings.Repeat("A", 43), head + strings.Repeat("=", 43)} {
		require.ErrorIs(t, ring.Verify(consumer, event(), s), signing.ErrForged, "%q", s)
	}
	require.ErrorIs(t, ring.Verify(consumer, event(), "v1,"+consumer+",other,"+parts[3]), signing.ErrUnknownKey)
	var none *signing.Ring
	require.ErrorIs(t, none.Verify(consumer, event(), signature), signing.ErrNoKeys)
	require.ErrorIs(t, none.Verify(consumer, event(), ""), signing.ErrNoKeys)
	var nobody *signing.Signer
	for _, s := range []*signing.Signer{nobody, keys} {
		_, err := s.Sign(event(), "closure-e")
		require.ErrorIs(t, err, signing.ErrNoKeys)
	}
	_, err = nobody.Sign(event())
	require.NoError(t, err, "what nobody checks needs no key")
}

// TestF3_KeysRotateWithoutARefusal: the new key comes to the consumers, then
// signs, then the old one goes. Each file is read again by itself, in any order
// within a step.
func TestF3_KeysRotateWithoutARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		relays := filepath.Join(dir, consumer)
		consumers := filepath.Join(dir, "keys")
		write := func(path, content string) {
			require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
			require.NoError(t, os.Rename(path+".new", path))
			time.Sleep(time.Second) // until it is looked at again
		}
		signer, ring := signing.Folder(dir, consumer), signing.File(consumers)
		_, err := signer.Sign(event(), consumer)
		require.ErrorIs(t, err, signing.ErrNoKeys, "the file may come later")
		old, next := line("2026-01", "o"), line("2026-02", "n")
		write(relays, old)
		signature, err := signer.Sign(event(), consumer)
		require.NoError(t, err)
		require.ErrorIs(t, ring.Verify(consumer, event(), signature), signing.ErrNoKeys)
		write(consumers, "# keys of the ledger\n\n"+old)
		require.NoError(t, ring.Verify(consumer, event(), signature))

		before := signature // on its way the whole time
		for _, step := range []struct{ path, content string }{
			{consumers, old + next}, {relays, old + next},
			{relays, next + old}, {consumers, next + old},
		} {
			write(step.path, step.content)
			signature, err := signer.Sign(event(), consumer)
			require.NoError(t, err)
			require.NoError(t, ring.Verify(consumer, event(), signature))
			require.NoError(t, ring.Verify(consumer, event(), before))
		}
		signature, err = signer.Sign(event(), consumer)
		require.NoError(t, err)
		require.Contains(t, signature, ",2026-02,")
		write(consumers, next)
		require.NoError(t, ring.Verify(consumer, event(), signature))
		require.ErrorIs(t, ring.Verify(consumer, event(), before), signing.ErrUnknownKey, "the old key is gone")

		// A key that has come a moment ago is found at once.
		require.NoError(t, os.WriteFile(consumers, []byte(next+old), 0o600))
		require.NoError(t, ring.Verify(consumer, event(), before))

		// A file that is spoilt changes nothing.
		for _, bad := range []string{"", "# nothing\n", "2026-03\n", "2026-03 c2hvcnQ=\n", "2026-03 %%%\n", "a b c\n", line("a,b", "x"), line(strings.Repeat("x", 17), "x"), line("x", "x") + line("x", "y")} {
			write(consumers, bad)
			require.NoError(t, ring.Verify(consumer, event(), signature), "%q", bad)
			_, err := signing.Folder(filepath.Dir(consumers), "keys").Sign(event(), "keys")
			require.ErrorIs(t, err, signing.ErrNoKeys, "%q", bad)
		}
	})
}

// TestD2_WhoPostsStraightSpeaksForItselfOnly: the key that a caller shares with a
// consumer is good for that caller's events at that consumer.
func TestD2_WhoPostsStraightSpeaksForItselfOnly(t *testing.T) {
	keys := signing.Ephemeral(consumer, "caller")
	e := event()
	ring := keys.Ring(consumer).Direct(e.Source, keys.Ring("caller"))
	straight, err := keys.Ring("caller").SignDirect(consumer, e)
	require.NoError(t, err)
	require.NoError(t, ring.Verify(consumer, e, straight))
	relayed, err := keys.Sign(e, consumer)
	require.NoError(t, err)
	require.NoError(t, ring.Verify(consumer, e, relayed))
	require.NoError(t, ring.Verify(consumer, e, relayed+" "+straight))

	other := e
	other.Source = "/functions/somebody-else"
	forged, err := keys.Ring("caller").SignDirect(consumer, other)
	require.NoError(t, err)
	require.ErrorIs(t, ring.Verify(consumer, other, forged), signing.ErrUnsigned, "for nobody else's events")
	require.ErrorIs(t, keys.Ring(consumer).Verify(consumer, e, straight), signing.ErrUnsigned, "at nobody who does not know the caller")
	changed := e
	changed.ID = "another"
	require.ErrorIs(t, ring.Verify(consumer, changed, straight), signing.ErrForged)
	// The MAC tells the two kinds of part apart.
	require.ErrorIs(t, keys.Ring("caller").Verify(consumer, e, strings.Replace(straight, "/direct", "", 1)), signing.ErrForged)
	unknown, err := signing.Ephemeral("caller").Ring("caller").SignDirect(consumer, e)
	require.NoError(t, err)
	require.ErrorIs(t, ring.Verify(consumer, e, unknown), signing.ErrForged, "the same key id, another key")
}

// TestGenerate makes keys once, for their owner alone.
func TestGenerate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, signing.Generate(dir, events.Verifying()...))
	read := func() (all []string) {
		for _, name := range events.Verifying() {
			content, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			require.NotContains(t, all, string(content))
			all = append(all, string(content))
		}
		return all
	}
	first := read()
	require.NoError(t, signing.Generate(dir, events.Verifying()...))
	require.Equal(t, first, read(), "they outlive the process")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	signer := signing.Folder(dir, events.Verifying()...)
	for _, name := range events.Verifying() {
		signature, err := signer.Sign(event(), name)
		require.NoError(t, err)
		require.NoError(t, signer.Ring(name).Verify(name, event(), signature))
	}
}

// TestASignatureFitsIntoAnAttribute, which holds 256 bytes at every function.
func TestASignatureFitsIntoAnAttribute(t *testing.T) {
	dir := t.TempDir()
	for _, name := range events.Verifying() {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(line(strings.Repeat("k", 16), "x")), 0o600))
	}
	signer := signing.Folder(dir, events.Verifying()...)
	for _, entry := range events.Catalogue() {
		signature, err := signer.Sign(event(), entry.Verifiers()...)
		require.NoError(t, err)
		require.LessOrEqual(t, len(signature), 256, entry.Type)
	}
}

func BenchmarkSign(b *testing.B) {
	keys, e := signing.Ephemeral(consumer), event()
	for b.Loop() {
		_, _ = keys.Sign(e, consumer)
	}
}

func BenchmarkVerify(b *testing.B) {
	keys, e := signing.Ephemeral(consumer), event()
	signature, _ := keys.Sign(e, consumer)
	for b.Loop() {
		if keys.Ring(consumer).Verify(consumer, e, signature) != nil {
			b.Fatal("refused")
		}
	}
}
