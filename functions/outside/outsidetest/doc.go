// Package outsidetest holds what the emulators of outside systems share. An
// emulator is an http.Handler that speaks a system's real protocol, keeps its
// own books, and misbehaves on request. It is used by tests and by the bank
// that runs in one process on a laptop, where it must survive kill -9.
//
// # How an emulator is put together
//
//   - [Moods] decides what goes wrong with a call: a scripted queue first, then
//     seeded random rates. [Moods.Wrap] plays the faults that any HTTP server
//     can have (errors, slowness, lost requests, lost answers, cut connections)
//     round the emulator's handler. Faults that only the system itself can
//     word, such as a refusal with its own code, reach the handler through
//     [MoodOf].
//   - [Journal] is the emulator's book: an append-only file of JSON lines. What
//     was applied is on disk before the answer goes out, and is read back when
//     the emulator starts again.
//   - [Keys] remembers idempotency keys: first use, still running, done with a
//     stored answer, or reused with another request.
//   - [Clock] gives strictly rising instants. Emulators that share one can be
//     compared: the entry with the earlier instant happened first.
//   - [Listen] serves an emulator in memory: real HTTP/1.1 over pipes, with real
//     cut connections, but no port. Its Transport goes into outside.Options.
//   - [NewAuthority] makes certificates for mutual TLS.
//
// A handler goes like this, under the emulator's own lock:
//
//	func (e *Emulator) charge(w http.ResponseWriter, r *http.Request) {
//	    mood := outsidetest.MoodOf(r)
//	    if mood.Kind == outsidetest.Refuse { ...answer with mood.Code; return }
//	    e.mu.Lock()
//	    entry := Charge{At: e.clock.Now(), ...}
//	    err := e.journal.Write(entry) // in the file, survives kill -9
//	    e.apply(entry)
//	    e.mu.Unlock()
//	    if err := e.journal.Sync(); ... // on the disk, survives power loss
//	    ...answer
//	}
//
// and is served as
//
//	moods := outsidetest.NewMoods()
//	handler := moods.Wrap(operationName, http.HandlerFunc(e.charge))
//	admin.Handle("/moods/", http.StripPrefix("/moods", moods.Admin()))
package outsidetest
