package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The limits of a function's process and of the whole bank's.
const (
	binaryUnderMB     = 25
	idleUnderMB       = 40
	firstUnderMS      = 100
	bankReadyUnderS   = 5
	bankMemoryUnderMB = 300

	mega = 1e6 // decimal, the stricter reading of "MB" for a limit
)

// measuredFunction is the one whose process is started; all are weighed.
const measuredFunction = "ledger-posting"

// tags are those that the binaries are released with: see the Makefile.
const tags = "grpcnotrace,nethttpomithttp2"

// sizes measures what is built: binaries, memory, and the time to be there.
func sizes(ctx context.Context, o Options, dir string) (s Section, err error) {
	s.Title = "Sizes and starts"
	bin := filepath.Join(dir, "bin")
	o.say("sizes: building every function and the bank")
	if err := build(ctx, filepath.Join(o.Root, "functions"), bin, "./cmd/..."); err != nil {
		return s, err
	}
	if err := build(ctx, filepath.Join(o.Root, "cmd"), bin, "./quittance"); err != nil {
		return s, err
	}
	if s.Raw, err = weigh(bin); err != nil {
		return s, err
	}
	o.say("sizes: starting %s", measuredFunction)
	function, err := startsOfFunction(ctx, o, dir, filepath.Join(bin, measuredFunction))
	s.Raw = append(s.Raw, function...)
	if err != nil {
		return s, err
	}
	o.say("sizes: starting the whole bank")
	bank, err := startsOfBank(ctx, o, dir, filepath.Join(bin, "quittance"))
	s.Raw = append(s.Raw, bank...)
	s.Notes = append(s.Notes,
		"1 MB is 1,000,000 bytes; memory is the resident set (VmRSS), which counts pages of the binary that are shared with nobody here",
		"the bank's memory is that of its process after the demo; Postgres runs in processes of its own")
	return s, err
}

// build builds stripped binaries as a release does.
func build(ctx context.Context, module, into, packages string) error {
	into, err := filepath.Abs(into)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", tags, "-ldflags", "-s -w", "-o", into+string(filepath.Separator), packages)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w:\n%.2000s", packages, module, err, out)
	}
	return nil
}

// weigh finds the largest of the functions' binaries, and the one that is
// measured further.
func weigh(bin string) ([]Figure, error) {
	entries, err := os.ReadDir(bin)
	if err != nil {
		return nil, err
	}
	var largest, measured os.FileInfo
	count := 0
	for _, e := range entries {
		if e.Name() == "quittance" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		count++
		if largest == nil || info.Size() > largest.Size() {
			largest = info
		}
		if e.Name() == measuredFunction {
			measured = info
		}
	}
	if measured == nil {
		return nil, fmt.Errorf("no binary %s was built", measuredFunction)
	}
	binary := func(name string, info os.FileInfo) Figure {
		return Figure{Name: name, Unit: "MB", Under: binaryUnderMB, Rounds: []float64{float64(info.Size()) / mega}}
	}
	return []Figure{
		binary(fmt.Sprintf("largest of %d function binaries, stripped: %s", count, largest.Name()), largest),
		binary("binary of "+measuredFunction+", stripped", measured),
	}, nil
}

// startsOfFunction starts the function's process once per round, on a Postgres
// that has answered before.
func startsOfFunction(ctx context.Context, o Options, dir, binary string) (_ []Figure, err error) {
	l, err := openLedger(ctx, filepath.Join(dir, "sizes"))
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, l.close) }()
	if err := l.open(ctx, 1); err != nil {
		return nil, err
	}
	first := Figure{Name: measuredFunction + ", from exec to the first event answered", Unit: "ms", Under: firstUnderMS}
	idle := Figure{Name: measuredFunction + ", resident memory after it, idle", Unit: "MB", Under: idleUnderMB}
	env, err := l.environment()
	if err != nil {
		return nil, err
	}
	for range o.Rounds + 1 {
		took, memory, err := startFunction(ctx, l, binary, env)
		if err != nil {
			return nil, err
		}
		first.Rounds, idle.Rounds = append(first.Rounds, milliseconds(took)), append(idle.Rounds, memory/mega)
	}
	// The first start also reads the binary from the disk.
	first.Rounds, idle.Rounds = first.Rounds[1:], idle.Rounds[1:]
	return []Figure{first, idle}, nil
}

func startFunction(ctx context.Context, l *ledgerDoor, binary string, env []string) (took time.Duration, memory float64, err error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return 0, 0, err
	}
	request, err := l.appendRequest(nil, address, deposit(l.ids[0], 100))
	if err != nil {
		return 0, 0, err
	}
	p, err := startProcess(ctx, binary, append(env, "PORT="+portOf(address)))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
	if err := untilAnswered(ctx, p, address, request); err != nil {
		return 0, 0, err
	}
	took = time.Since(p.begun)
	if err := pause(ctx, idleAfter); err != nil {
		return 0, 0, err
	}
	memory, err = p.resident()
	return took, memory, err
}

// idleAfter is how long a process is left alone before it is called idle.
const idleAfter = 2 * time.Second

// startsOfBank starts the whole bank: once to make its data folder, then once
// per round.
func startsOfBank(ctx context.Context, o Options, dir, binary string) ([]Figure, error) {
	ready := Figure{Name: "the whole bank, from exec to the API answering, on its data folder", Unit: "s", Under: bankReadyUnderS}
	memory := Figure{Name: "the whole bank, resident memory without Postgres", Unit: "MB", Under: bankMemoryUnderMB}
	for round := range o.Rounds + 1 {
		took, resident, err := startBank(ctx, o, filepath.Join(dir, "whole"), binary)
		if err != nil {
			return []Figure{ready, memory}, err
		}
		if round > 0 { // the first one made the folder
			ready.Rounds, memory.Rounds = append(ready.Rounds, took.Seconds()), append(memory.Rounds, resident/mega)
		}
	}
	return []Figure{ready, memory}, nil
}

func startBank(ctx context.Context, o Options, data, binary string) (took time.Duration, memory float64, err error) {
	api, err := freeAddress(ctx)
	if err != nil {
		return 0, 0, err
	}
	p, err := startProcess(ctx, binary, os.Environ(), "run", "--data", data,
		"--infra", filepath.Join(o.Root, "infra"), "--api", api, "--workbench", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
	if err := untilAnswered(ctx, p, api, fmt.Appendf(nil, "GET /openapi.json HTTP/1.1\r\nHost: %s\r\n\r\n", api)); err != nil {
		return 0, 0, err
	}
	took = time.Since(p.begun)
	if err := p.untilSaid(ctx, "Where to go next"); err != nil { // the demo has been played
		return 0, 0, err
	}
	if err := pause(ctx, idleAfter); err != nil {
		return 0, 0, err
	}
	memory, err = p.resident()
	return took, memory, err
}
