// Package identity tells who is asking: it verifies OAuth 2.0 access tokens that
// an OpenID Connect provider signed (RFC 9068, RFC 8725), and names what the
// bearer of one may do.
//
// A [Verifier] trusts one issuer. It finds the issuer's keys by discovery, keeps
// them for ten minutes, and asks again at most once a minute, whatever tokens
// arrive: a token with a made-up key id cannot make the bank call anybody more
// often than that. Keys that cannot be had again are used for another hour; then,
// and before the first ones came, nobody can be told apart and the error is
// [ErrUnavailable].
//
// Everything else that is wrong with a token is [ErrInvalid], and the caller is
// not told what. Only algorithms of the allow-list count, whatever the token says;
// a token that brings its own key, or says where to fetch one, is refused before
// anything is fetched or checked.
//
// # Who is who
//
// A [Principal] goes by an id of ours, derived from the issuer and the token's
// subject. Subjects may be e-mail addresses; the id is none, so it can stand in
// tables and logs.
package identity
