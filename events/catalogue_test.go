package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
)

// decode reads a payload into a fresh value of sample's Go type.
func decode(t *testing.T, sample events.Data, body []byte) events.Data {
	t.Helper()
	target := reflect.New(reflect.TypeOf(sample))
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(target.Interface()))
	return target.Elem().Interface().(events.Data)
}

// B07, E13: every event type that was ever released still reads as it did.
func TestEveryTypeHasAGoldenSampleThatStillReads(t *testing.T) {
	for _, e := range events.Catalogue() {
		t.Run(string(e.Type), func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", string(e.Type)+".json"))
			require.NoError(t, err, "a released type needs a sample")
			data := decode(t, e.Sample, body)
			require.NoError(t, data.Validate())
			require.Equal(t, e.Type, data.Type())
			require.NotEmpty(t, data.Subject())
			require.NotEmpty(t, data.PartitionKey())
			again, err := json.Marshal(data)
			require.NoError(t, err)
			require.JSONEq(t, string(body), string(again))
		})
	}
	samples, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.Len(t, samples, len(events.Catalogue()), "a sample without a type")
}

func TestTheZeroValueOfEveryPayloadIsRefused(t *testing.T) {
	for _, e := range events.Catalogue() {
		err := e.Sample.Validate()
		require.Error(t, err, e.Type)
		require.IsType(t, &events.FieldError{}, err)
	}
}

// Every field of every payload is looked at: emptying any one of them is
// refused, but for those that may be empty.
func TestNoRequiredFieldCanBeEmpty(t *testing.T) {
	mayBeZero := map[string]bool{"balance_minor": true, "src_balance_minor": true, "dst_balance_minor": true, "closing": true, "event_type": true}
	for _, e := range events.Catalogue() {
		body, err := os.ReadFile(filepath.Join("testdata", string(e.Type)+".json"))
		require.NoError(t, err)
		whole := reflect.ValueOf(decode(t, e.Sample, body))
		for i := range whole.NumField() {
			name := whole.Type().Field(i).Tag.Get("json")
			if mayBeZero[name] {
				continue
			}
			broken := reflect.New(whole.Type()).Elem()
			broken.Set(whole)
			broken.Field(i).SetZero()
			err := broken.Interface().(events.Data).Validate()
			require.Error(t, err, "%s without %s", e.Type, name)
			require.Contains(t, err.Error(), name)
		}
	}
}

func TestTheCatalogueIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range events.Catalogue() {
		require.True(t, strings.HasPrefix(string(e.Type), "dev.quittance.") && strings.HasSuffix(string(e.Type), ".v1"), e.Type)
		require.False(t, seen[string(e.Type)], "%s twice", e.Type)
		seen[string(e.Type)] = true
		require.Contains(t, events.Brokers(), e.Broker)
		require.NotEmpty(t, e.Says, "nobody says %s", e.Type)
		found, ok := events.Lookup(e.Type)
		require.True(t, ok)
		require.Equal(t, e.Type, found.Type)
		for _, alias := range e.Aliases {
			require.False(t, seen[alias], "alias %s twice", alias)
			seen[alias] = true
		}
	}
	for _, alias := range []string{"DEPOSIT_CMD", "WITHDRAW_CMD", "DEPOSIT_EVENT", "WITHDRAW_EVENT", "WITHDRAW_FAILED_EVENT", "CREATE_ACCOUNT_EVENT", "CLOSE_ACCOUNT_EVENT"} {
		require.True(t, seen[alias], "the older name %s is lost", alias)
	}
	_, ok := events.Lookup("dev.quittance.nothing.happened.v1")
	require.False(t, ok)
}

// A31: payloads carry ids and amounts; a field that could hold a name or an
// address has no business here.
func TestA31_NoPayloadHasAFieldForPersonalData(t *testing.T) {
	for _, e := range events.Catalogue() {
		fields := reflect.TypeOf(e.Sample)
		for i := range fields.NumField() {
			name := fields.Field(i).Tag.Get("json")
			for _, word := range []string{"name", "mail", "phone", "address", "iban", "card", "text"} {
				require.NotContains(t, name, word, e.Type)
			}
		}
	}
}

// B07, B09, B13, B15, B18: who says and who hears the events that older documents ask
// for, by the names that they have there.
func TestB07_B09_B15_TheEventsThatWereAskedFor(t *testing.T) {
	t.Parallel()
	contracts := map[string]struct {
		says  string
		hears []string
	}{
		"DEPOSIT_CMD":           {"api", []string{"ledger-posting"}},
		"WITHDRAW_CMD":          {"api", []string{"ledger-posting"}},
		"DEPOSIT_EVENT":         {"ledger-posting", []string{"banking", "query", "notification"}},
		"WITHDRAW_EVENT":        {"ledger-posting", []string{"banking", "query", "notification"}},
		"WITHDRAW_FAILED_EVENT": {"ledger-posting", []string{"banking", "notification"}},
		"CREATE_ACCOUNT_EVENT":  {"api", []string{"banking", "query"}},
		"CLOSE_ACCOUNT_EVENT":   {"closure-e", []string{"banking", "query", "notification"}},
	}
	for _, e := range events.Catalogue() {
		for _, alias := range e.Aliases {
			want, asked := contracts[alias]
			if !asked {
				continue
			}
			require.Equal(t, []string{want.says}, e.Says, alias)
			require.Subset(t, e.Hears, want.hears, alias)
			delete(contracts, alias)
		}
	}
	require.Empty(t, contracts, "each is an alias of one type")
}
