// Package issuer is an OpenID provider for a laptop: it signs in the people of the
// demo with e-mail and password and gives them access tokens (RFC 9068). It is for
// development only. A deployment has a real one; the bank asks nothing of it but
// discovery, a key set and signed tokens, so any will do (config.OIDC).
//
// There are two ways to a token:
//
//   - The device flow (RFC 8628), which a terminal uses: `quittance login`.
//   - POST /login with {"email": ..., "password": ...}, for a curl. OAuth 2.1 has no
//     such grant, and for a good reason: the password passes through the client. It
//     stands here for the login page that a laptop's demo cannot click on.
//
// No well-kept library for the server's side of OAuth fits: what there is has not
// been released for more than a year, or cannot do the device flow. Signatures and
// hashes are libraries'.
package issuer
