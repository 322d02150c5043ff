//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

const namespace = "quittance"

// kubectl runs it in the bank's namespace and returns what it printed.
func kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := try(context.Background(), args...)
	require.NoError(t, err, out)
	return out
}

func try(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "kubectl", append([]string{"-n", namespace}, args...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// secret is one key of a Secret.
func secret(t testing.TB, name, key string) []byte {
	t.Helper()
	encoded := kubectl(t, "get", "secret", name, "-o", `jsonpath={.data['`+strings.ReplaceAll(key, ".", `\.`)+`']}`)
	value, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.NotEmpty(t, value, "%s of Secret %s", key, name)
	return value
}

// forward is a port on loopback that leads to one of a target's. When the pod
// behind it goes, it is made anew under the same number.
type forward struct {
	Address string
	stop    context.CancelFunc
	done    sync.WaitGroup
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

// open forwards a free port to remote of target, such as service/postgres, in
// a namespace, until the test binary ends.
func open(in, remote string, target func() (string, error)) (*forward, error) {
	ctx, stop := context.WithCancel(context.Background())
	f := &forward{stop: stop}
	first := make(chan error, 1)
	f.done.Go(func() {
		local := ""
		for ctx.Err() == nil {
			to, err := target()
			if err == nil {
				err = f.once(ctx, in, to, local+":"+remote, func(port string) {
					if local == "" {
						local, f.Address = port, "127.0.0.1:"+port
						first <- nil
					}
				})
			}
			if local == "" {
				first <- fmt.Errorf("forward to %s: %w", remote, err)
				return
			}
			time.Sleep(200 * time.Millisecond) // for the next pod to be there
		}
	})
	if err := <-first; err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// once runs one kubectl port-forward until it ends.
func (f *forward) once(ctx context.Context, in, target, ports string, up func(port string)) error {
	c := exec.CommandContext(ctx, "kubectl", "-n", in, "port-forward", "--address", "127.0.0.1", target, ports)
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	line := make([]byte, 4096)
	n, _ := out.Read(line) // the first line, or the end
	if found := forwarding.FindSubmatch(line[:n]); found != nil {
		up(string(found[1]))
	}
	// It says a line for every connection, and stops when nobody reads them.
	_, err = io.Copy(io.Discard, out)
	return errors.Join(err, c.Wait())
}

func (f *forward) close() {
	f.stop()
	f.done.Wait()
}

// named is a target that does not change.
func named(target string) func() (string, error) {
	return func() (string, error) { return target, nil }
}

// api is the pod of the API's newest revision that is ready.
func api() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	revision, err := try(ctx, "get", "services.serving.knative.dev", "api", "-o", "jsonpath={.status.latestReadyRevisionName}")
	return "deployment/" + revision + "-deployment", err
}

// ping waits a while only: a connection through a forwarding that has broken
// neither answers nor ends.
func ping(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pool.Ping(ctx)
}

// connect opens a pool to the bank's database as role with password through a
// forwarded port. The server's certificate is checked against its own authority
// and name.
func connect(ctx context.Context, address, role, password string, authority []byte) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig("host=" + strings.Split(address, ":")[0] + " port=" + strings.Split(address, ":")[1] +
		" dbname=quittance sslmode=require user=" + role)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.Password = password
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	config.ConnConfig.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "postgres." + namespace + ".svc.cluster.local", MinVersion: tls.VersionTLS12}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	// A connection that Postgres refuses ends the forwarding; it is up again soon.
	var answer *pgconn.PgError
	for try := 0; ; try++ {
		err := ping(ctx, pool)
		if err == nil {
			return pool, nil
		}
		if errors.As(err, &answer) || try == 50 {
			pool.Close()
			return nil, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}
