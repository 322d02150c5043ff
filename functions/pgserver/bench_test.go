package pgserver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStart is the time from Start to the first answer.
func BenchmarkStart(b *testing.B) {
	run := func(b *testing.B, o Options) {
		srv, err := Start(b.Context(), o)
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, srv.Stop(context.Background()))
		b.StartTimer()
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			run(b, Options{DataDir: b.TempDir(), Durable: true})
		}
	})
	b.Run("warm", func(b *testing.B) {
		o := Options{DataDir: b.TempDir(), Durable: true}
		run(b, o)
		for b.Loop() {
			run(b, o)
		}
	})
	b.Run("temporary", func(b *testing.B) {
		for b.Loop() {
			srv, err := Temporary(b.Context(), Options{})
			require.NoError(b, err)
			b.StopTimer()
			require.NoError(b, srv.Stop(context.Background()))
			b.StartTimer()
		}
	})
}
