//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/books"
	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
)

// anew makes a second server in the pod of Postgres, as empty as the first one
// was once, backs the bank up and restores it there. The server is there until
// its input ends.
const anew = `set -euo pipefail
for bin in /usr/lib/postgresql/*/bin; do PATH=$bin:$PATH; done
export PGHOST=/run/postgresql
work=/var/lib/postgresql/data/second
rm -rf "$work"
mkdir "$work"
PGDATA=$work/data PGPORT=5433 bash /etc/quittance/start.sh >"$work/log" 2>&1 &
server=$!
trap 'kill -INT $server; wait $server; rm -rf "$work"' EXIT
until pg_isready --quiet --port=5433; do kill -0 $server || { cat "$work/log" >&2; exit 1; }; sleep 0.2; done
bash /tmp/backup "$work/backup"
PGPORT=5433 bash /tmp/restore "$work/backup"
echo "restored $(du -k "$work/backup/bank.dump" | cut -f1)"
cat >/dev/null`

// B29: a back-up is worth what its restoration on a new server shows. What comes
// back there has every row of the first, keeps every rule, and knows the bank's
// roles.
func TestB29_ABackUpIsRestoredOnANewServer(t *testing.T) {
	c := here(t)
	c.rest(t, 5*time.Minute)
	for _, script := range []string{"backup", "restore"} {
		text, err := os.Open("../../infra/postgres/" + script)
		require.NoError(t, err)
		defer text.Close()
		copied := exec.CommandContext(t.Context(), "kubectl", "-n", namespace, "exec", "-i", "postgres-0", "--", "bash", "-c", "cat >/tmp/"+script)
		copied.Stdin = text
		out, err := copied.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	before := withoutTicks(fntest.Snapshot(t, c.owner))
	roles := c.roles(t)
	require.NotEmpty(t, roles)

	started := time.Now()
	second := exec.CommandContext(t.Context(), "kubectl", "-n", namespace, "exec", "-i", "postgres-0", "--", "bash", "-c", anew)
	until, err := second.StdinPipe()
	require.NoError(t, err)
	said, err := second.StdoutPipe()
	require.NoError(t, err)
	var wrong strings.Builder
	second.Stderr = &wrong
	require.NoError(t, second.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		_ = second.Wait()
	}
	require.NoError(t, err, wrong.String())
	took := time.Since(started)
	defer func() {
		require.NoError(t, until.Close())
		require.NoError(t, second.Wait(), wrong.String())
	}()

	door, err := open(namespace, "5433", named("pod/postgres-0"))
	require.NoError(t, err)
	defer door.close()
	restored := *c
	restored.owner, err = connect(t.Context(), door.Address, "bank_owner", string(secret(t, "postgres-owner", "password")), secret(t, "postgres-owner", "ca.crt"))
	require.NoError(t, err)
	defer restored.owner.Close()
	require.Equal(t, before, withoutTicks(fntest.Snapshot(t, restored.owner)))
	require.Equal(t, roles, restored.roles(t))
	broken, err := books.Tables(t.Context(), restored.owner)
	require.NoError(t, err)
	require.Empty(t, broken)
	figures.add("back-up of the bank, a new server and its restoration there: %.1f s, %s KiB, every row equal, every rule kept, %d roles", took.Seconds(), strings.Fields(line)[1], strings.Count(roles, "\n")+1)
}

// withoutTicks leaves out the rows about ticks of the clock, which goes on between a
// look at the tables and the back-up.
func withoutTicks(rows string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(rows, "\n"), func(row string) bool {
		return strings.Contains(row, string(events.TypeTick))
	}), "\n")
}

// roles is what the server knows of the bank's roles, which no dump has.
func (c *cluster) roles(t *testing.T) (all string) {
	t.Helper()
	require.NoError(t, c.owner.QueryRow(t.Context(), `
		select coalesce(string_agg(concat_ws(' ', r.rolname, r.rolcanlogin, has_database_privilege(r.oid, current_database(), 'temporary'),
			(select array_agg(line) from pg_db_role_setting s, unnest(s.setconfig) line where s.setrole = r.oid and s.setdatabase = 0)), E'\n' order by r.rolname), '')
		from pg_roles r where r.rolname like 'quittance\_%'`).Scan(&all))
	return all
}
