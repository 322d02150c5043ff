package schema_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/schema"
)

func TestSubscribeAddsAndRemoves(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), "")
	subscribed := func() []string {
		return column[string](t, conn, `select consumer || ' hears ' || type from delivery.subscription order by 1`)
	}
	since := func(consumer, kind string) time.Time {
		return one[time.Time](t, conn, `select since from delivery.subscription where consumer = $1 and type = $2`, consumer, kind)
	}
	require.NoError(t, schema.Subscribe(t.Context(), conn, map[string][]string{"a": {"x", "y"}, "b": {"x"}}))
	require.Equal(t, []string{"a hears x", "a hears y", "b hears x"}, subscribed())
	first := since("a", "x")

	require.NoError(t, schema.Subscribe(t.Context(), conn, map[string][]string{"a": {"x", "z"}, "c": {"y"}}))
	require.Equal(t, []string{"a hears x", "a hears z", "c hears y"}, subscribed())
	require.Equal(t, first, since("a", "x"), "who stays keeps what is owed")
	require.True(t, since("a", "z").After(first), "who is new is owed from now on")

	require.NoError(t, schema.Subscribe(t.Context(), conn, map[string][]string{"a": {"x", "z"}, "c": {"y"}}))
	require.Equal(t, []string{"a hears x", "a hears z", "c hears y"}, subscribed(), "again is nothing")

	require.NoError(t, schema.Subscribe(t.Context(), conn, nil))
	require.Empty(t, subscribed())
}

func TestSubscribeIsAllOrNothing(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), "")
	require.NoError(t, schema.Subscribe(t.Context(), conn, map[string][]string{"a": {"x"}}))
	_, err := conn.Exec(t.Context(), `alter table delivery.subscription add constraint no_b check (consumer <> 'b')`)
	require.NoError(t, err)
	require.ErrorContains(t, schema.Subscribe(t.Context(), conn, map[string][]string{"b": {"x"}}), "no_b")
	require.Equal(t, []string{"a"}, column[string](t, conn, `select consumer from delivery.subscription`))
}
