package corpus_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest/corpus"
)

// TestTheCorporaAreLargeEnough holds the sizes that assurance asks for.
func TestTheCorporaAreLargeEnough(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"json-structure": 60, "json-names": 30, "amounts": 60, "cloudevents": 60} {
		cases, err := corpus.Load(name)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(cases), least, name)
		for _, c := range cases {
			if c.Minor == 0 {
				require.GreaterOrEqual(t, c.Status, 400, c.Name)
				require.NotEmpty(t, c.Problem, c.Name)
			}
		}
	}
	_, err := corpus.Load("nothing")
	require.Error(t, err)
}

func TestRender(t *testing.T) {
	t.Parallel()
	s, err := corpus.Parse([]byte(`{"task":"x","n":[1, 2]}`))
	require.NoError(t, err)
	for body, want := range map[string]string{
		`{{valid}}`: `{"task":"x","n":[1, 2]}`, `{{cut}},"y":1}`: `{"task":"x","n":[1, 2],"y":1}`,
		`{"{{NAME}}":{{value}}{{rest}}}`: `{"TASK":"x","n":[1, 2]}`, `{{Name}} {{folded}}`: "Task ta\u017f\u212a",
		`{{escaped}} {{wide}}`: `\u0074ask ` + "\uff54ask", `{ {{first}} }`: `{ "task":"x" }`,
	} {
		require.Equal(t, want, string(corpus.Case{Body: body}.Render(s)))
	}
}

func TestRequestsBreakAValidEvent(t *testing.T) {
	t.Parallel()
	valid := fn.Envelope{ID: "1", Source: "/s", Type: "t", Data: []byte(`{"a":"b"}`)}
	r, err := corpus.Case{Header: map[string]string{"Ce-Id": "", "Ce-X": "y"}, Twice: "Ce-X"}.Request(context.Background(), "http://x", valid)
	require.NoError(t, err)
	require.Empty(t, r.Header.Values("Ce-Id"))
	require.Equal(t, []string{"y", "y"}, r.Header.Values("Ce-X"))
	require.Equal(t, "/s", r.Header.Get("Ce-Source"))
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, string(valid.Data), string(body))

	r, err = corpus.Case{Body: `{"id":"{{id}}","data":{{valid}}}`, Header: map[string]string{"Content-Type": "application/cloudevents+json"}}.Request(context.Background(), "http://x", valid)
	require.NoError(t, err)
	require.Empty(t, r.Header.Values("Ce-Source"))
	body, err = io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, `{"id":"1","data":{"a":"b"}}`, string(body))
}
