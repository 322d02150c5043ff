package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress counts the lines that are written through it and draws a bar of them.
type Progress struct {
	To    io.Writer
	Bar   io.Writer // a terminal; nil draws nothing
	Total int64     // lines that are expected; below 1 nobody knows
	Now   func() time.Time

	lines   int64
	started time.Time
	drawn   time.Time
}

// Lines that were written so far.
func (p *Progress) Lines() int64 { return p.lines }

// Write passes on and draws, at most ten times a second.
func (p *Progress) Write(b []byte) (int, error) {
	n, err := p.To.Write(b)
	p.lines += int64(bytes.Count(b[:n], []byte{'\n'}))
	now := p.Now()
	if p.started.IsZero() {
		p.started = now
	}
	if now.Sub(p.drawn) >= 100*time.Millisecond {
		p.draw(now)
	}
	return n, err
}

// End draws the last state and leaves the line.
func (p *Progress) End() {
	if p.Bar != nil {
		p.draw(p.Now())
		fmt.Fprintln(p.Bar)
	}
}

const width = 30

func (p *Progress) draw(now time.Time) {
	if p.Bar == nil {
		return
	}
	p.drawn = now
	rate := int64(0)
	if took := now.Sub(p.started).Seconds(); took > 0 {
		rate = int64(float64(p.lines) / took)
	}
	if p.Total < 1 {
		fmt.Fprintf(p.Bar, "\r%d lines, %d a second ", p.lines, rate)
		return
	}
	done := min(p.lines, p.Total)
	full := int(done * width / p.Total)
	fmt.Fprintf(p.Bar, "\r[%s%s] %3d %%  %d of %d, %d a second ", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		100*done/p.Total, done, p.Total, rate)
}
