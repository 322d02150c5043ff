package cold

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// MinAge is the least age at which lines go; the database asks for it as well.
const MinAge = 8 * 24 * time.Hour

// partLines bounds the lines of a file.
const partLines = 20_000

// lockTimeout is how long the end of a day waits for readers of its table.
const lockTimeout = "2s"

var (
	// ErrTooYoung means that lines of that age may still be in reports.
	ErrTooYoung = fmt.Errorf("lines younger than %s stay", MinAge)
	// ErrSpoilt means that what was read back is not what was written.
	ErrSpoilt = errors.New("what was stored is not what was written")
)

// Done is what an Archive did.
type Done struct {
	Days  int
	Files int
	Lines int64
	Bytes int64 // of the files
	// Put off are days that changed while they were written; the next run takes
	// them.
	PutOff int
}

// Archive puts away every day that is older than age, oldest first. conn has the
// role of the function query.
func Archive(ctx context.Context, conn *pgx.Conn, store Store, age time.Duration) (done Done, err error) {
	if age < MinAge {
		return done, ErrTooYoung
	}
	if _, err := conn.Exec(ctx, `select set_config('lock_timeout', $1, false), pg_advisory_lock(hashtextextended('quittance archive', 0))`, lockTimeout); err != nil {
		return done, fmt.Errorf("archive: another one is at work: %w", err)
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtextextended('quittance archive', 0))`)
		err = errors.Join(err, unlock)
	}()
	days, err := due(ctx, conn, age)
	if err != nil {
		return done, err
	}
	for _, day := range days {
		if err := done.day(ctx, conn, store, day); err != nil {
			return done, fmt.Errorf("archive %s: %w", day.Format(time.DateOnly), err)
		}
	}
	return done, nil
}

// due lists the days that have lines and are over by age.
func due(ctx context.Context, conn *pgx.Conn, age time.Duration) (days []time.Time, err error) {
	rows, err := conn.Query(ctx, `
		with recursive day(d) as (
			select min((occurred_at at time zone 'UTC')::date) from query.report_line
			union all
			select (select min((occurred_at at time zone 'UTC')::date) from query.report_line
			        where occurred_at >= (d + 1)::timestamp at time zone 'UTC')
			from day where d is not null
		)
		select d from day where (d + 1)::timestamp at time zone 'UTC' <= now() - $1::interval order by d`, age)
	if err != nil {
		return nil, fmt.Errorf("look for old days: %w", err)
	}
	if days, err = pgx.CollectRows(rows, pgx.RowTo[time.Time]); err != nil {
		return nil, fmt.Errorf("look for old days: %w", err)
	}
	return days, nil
}

// part is one file.
type part struct {
	number          int
	object          string
	lines           int
	firstAt, lastAt time.Time
	firstID, lastID string
	text            bytes.Buffer
	content         [sha256.Size]byte
}

// day writes what of a day is not written yet, and takes the day away.
func (d *Done) day(ctx context.Context, conn *pgx.Conn, store Store, day time.Time) error {
	for {
		p, err := nextPart(ctx, conn, day)
		if err != nil {
			return err
		}
		if p.lines == 0 {
			break
		}
		size, err := p.put(ctx, store)
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, `
			insert into query.cold_part (day, part, object, lines, first_at, first_id, last_at, last_id, content)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			day, p.number, p.object, p.lines, p.firstAt, p.firstID, p.lastAt, p.lastID, p.content[:]); err != nil {
			return fmt.Errorf("note part %d: %w", p.number, err)
		}
		d.Files, d.Lines, d.Bytes = d.Files+1, d.Lines+int64(p.lines), d.Bytes+size
	}
	var gone bool
	if err := conn.QueryRow(ctx, `select query.detach_day($1)`, day).Scan(&gone); err != nil {
		return fmt.Errorf("take the day away: %w", err)
	}
	if gone {
		d.Days++
	} else {
		d.PutOff++
	}
	return nil
}

// nextPart reads the lines that come after those of the parts that are noted and
// not gone.
func nextPart(ctx context.Context, conn *pgx.Conn, day time.Time) (*part, error) {
	p := &part{}
	if err := conn.QueryRow(ctx, `select coalesce(max(part), 0) + 1 from query.cold_part where day = $1`, day).Scan(&p.number); err != nil {
		return nil, fmt.Errorf("number the part: %w", err)
	}
	p.object = fmt.Sprintf("report/%s/part-%04d.ndjson.gz", day.Format("2006/01/02"), p.number)
	rows, err := conn.Query(ctx, `
		with behind as (
			select last_at, last_id from query.cold_part where day = $1 and detached_at is null
			union all select $1::date::timestamp at time zone 'UTC', '00000000-0000-0000-0000-000000000000'::uuid
			order by 1 desc, 2 desc limit 1
		)
		select l.occurred_at, l.id::text, query.line_text(l) from query.report_line l
		where (l.occurred_at, l.id) > (select last_at, last_id from behind)
		  and l.occurred_at >= $1::date::timestamp at time zone 'UTC' and l.occurred_at < ($1::date + 1)::timestamp at time zone 'UTC'
		order by l.occurred_at, l.id limit $2`, day, partLines)
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	var at time.Time
	var id, line string
	if _, err := pgx.ForEachRow(rows, []any{&at, &id, &line}, func() error {
		if p.lines == 0 {
			p.firstAt, p.firstID = at, id
		}
		p.lines, p.lastAt, p.lastID = p.lines+1, at, id
		_, _ = p.text.WriteString(line) // a Buffer takes everything
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	p.content = sha256.Sum256(p.text.Bytes())
	return p, nil
}

// put writes the file, reads it back and compares; size is the file's.
func (p *part) put(ctx context.Context, store Store) (size int64, err error) {
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	if _, err := zip.Write(p.text.Bytes()); err != nil {
		return 0, fmt.Errorf("compress: %w", err)
	}
	if err := zip.Close(); err != nil {
		return 0, fmt.Errorf("compress: %w", err)
	}
	size = int64(file.Len())
	if err := store.Write(ctx, p.object, &file); err != nil {
		return 0, err
	}
	lines, content, err := Look(ctx, store, p.object)
	if err != nil {
		return 0, err
	}
	if lines != p.lines || content != p.content {
		return 0, fmt.Errorf("%s: %w", p.object, ErrSpoilt)
	}
	return size, nil
}

// Look reads a file and tells how many lines it has, and the hash of its text.
func Look(ctx context.Context, store Store, object string) (lines int, content [sha256.Size]byte, err error) {
	file, err := store.Read(ctx, object)
	if err != nil {
		return 0, content, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := gzip.NewReader(file)
	if err != nil {
		return 0, content, fmt.Errorf("%s: %w: %w", object, ErrSpoilt, err)
	}
	hash := sha256.New()
	buffer := make([]byte, 64<<10)
	for {
		n, err := text.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte{'\n'})
		hash.Write(buffer[:n])
		if errors.Is(err, io.EOF) {
			return lines, [sha256.Size]byte(hash.Sum(nil)), nil
		}
		if err != nil {
			return lines, content, fmt.Errorf("%s: %w: %w", object, ErrSpoilt, err)
		}
	}
}
