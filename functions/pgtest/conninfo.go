package pgtest

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// connInfo is a connection string, as URL or as keywords, in which the database
// and the role can be changed.
type connInfo struct {
	raw   string
	owner string // the role that raw names
}

func parseConnInfo(raw string) (connInfo, error) {
	cfg, err := pgx.ParseConfig(raw)
	if err != nil {
		return connInfo{}, err
	}
	return connInfo{raw: raw, owner: cfg.User}, nil
}

// with is the connection string for a database and a role, "" being the owner.
func (c connInfo) with(database, role string) string {
	if strings.HasPrefix(c.raw, "postgres://") || strings.HasPrefix(c.raw, "postgresql://") {
		if u, err := url.Parse(c.raw); err == nil {
			u.Path = "/" + database
			if role != "" && role != c.owner {
				u.User = url.User(role)
			}
			query := u.Query()
			query.Del("dbname")
			query.Del("database")
			if role != "" {
				query.Del("user")
			}
			u.RawQuery = query.Encode()
			return u.String()
		}
	}
	// Of two equal keywords the later one holds.
	s := fmt.Sprintf("%s dbname=%s", c.raw, quote(database))
	if role != "" {
		s += " user=" + quote(role)
	}
	return s
}

func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
