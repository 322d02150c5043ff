package issuer

import (
	"golang.org/x/crypto/bcrypt"

	"quittance.dev/functions/identity"
)

// User is somebody who can sign in. The password of each is printed by `quittance
// run`: it is the name, then "-password".
type User struct {
	Name   string // also what the password is made of
	Email  string
	Scopes []identity.Scope
	hash   string // bcrypt
}

// Subject is what tokens call the user.
func (u User) Subject() string { return "laptop|" + u.Name }

// Password of a user of the laptop.
func (u User) Password() string { return u.Name + "-password" }

// Users are all who can sign in.
func Users() []User {
	customer := []identity.Scope{identity.Customer}
	return []User{
		{"ada", "ada@example.org", customer, "$2a$10$62v5hCc9i8G0iL4v0sAVTObd1PyojBD9PrOjdb79fTbWDf6vwPb9."},
		{"ben", "ben@example.org", customer, "$2a$10$u29xhX/2FYfaBYucunwtFu/vYKMSsbn6iAmdQnLtV3BmcpN0LNe4G"},
		{"workshop", "workshop@example.org", customer, "$2a$10$1epDQ6mjw9XfMW.oY06AJON9O5R11D0OvwHLiTPqpKPgkMudnoBR6"},
		{"shop", "shop@example.org", []identity.Scope{identity.Service}, "$2a$10$F5QAjU0Bkpd/PDpfngq2r.xXWoHSvcgg6yrh.NzeFFW5T1bbe.nuK"},
		{"olga", "olga@example.org", []identity.Scope{identity.Operator}, "$2a$10$.wX7S/LOMiTGDoybcIix2eRKZJHnyPCyRVsKP.OwsOIPnqAX2hSVm"},
		{"trude", "trude@example.org", []identity.Scope{identity.Treasury}, "$2a$10$ySETaWvXRQvoLkuaLVzHKOo8VdfPe/1CDQYacmEw8rNw80aCs5JJG"},
	}
}

// nobody's hash is compared when there is no such user, so that it takes as long.
const nobody = "$2a$10$62v5hCc9i8G0iL4v0sAVTObd1PyojBD9PrOjdb79fTbWDf6vwPb9."

// signIn finds the user with this e-mail and password.
func signIn(email, password string) (User, bool) {
	found, hash := User{}, nobody
	for _, u := range Users() {
		if u.Email == email {
			found, hash = u, u.hash
		}
	}
	right := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	return found, right && found.Name != ""
}
