package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"quittance.dev/events/money"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

// format is a representation of the report.
type format struct{ name, mediaType, extension string }

var (
	formatJSON   = format{"json", "application/json", "json"}
	formatCSV    = format{"csv", "text/csv", "csv"}
	formatNDJSON = format{"ndjson", "application/x-ndjson", "ndjson"}
	formats      = []format{formatJSON, formatCSV, formatNDJSON}
)

// stall is how long a reader may take for some thousand lines.
const stall = 30 * time.Second

// download streams all of a report. It holds some thousand lines at a time, and
// nothing in the database between two reads. What goes wrong on the way breaks the
// connection off: a download that ends well is whole.
func (a *api) download(r report.Report, f format) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		request, w := humago.Unwrap(ctx)
		ctx.SetHeader("Content-Type", f.mediaType+"; charset=utf-8")
		ctx.SetHeader("Content-Disposition", `attachment; filename="transactions-`+r.OpenedAt.Format("20060102-150405")+`.`+f.extension+`"`)
		ctx.SetHeader("Report-Total", strconv.FormatInt(r.Total, 10))
		control := http.NewResponseController(w)
		// Where the writer takes no deadline, the server's own holds.
		inTime := func() { _ = control.SetWriteDeadline(time.Now().Add(stall)) }
		inTime()
		if err := a.stream(request.Context(), w, r, f, inTime); err != nil {
			a.log(request.Context()).WarnContext(request.Context(), "a download was broken off", "error", err)
			panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to tell the client that this is not all
		}
	}}
}

// stream writes the lines; before each read it calls inTime.
func (a *api) stream(ctx context.Context, w io.Writer, r report.Report, f format, inTime func()) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	write, end := asNDJSON(buffered)
	if f == formatCSV {
		write, end = asCSV(buffered)
	}
	err := r.Each(ctx, a.host.Pool(), func(lines []query.Line) error {
		inTime()
		for _, l := range lines {
			if err := write(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = end()
	}
	if err != nil {
		return err
	}
	return buffered.Flush()
}

// asNDJSON writes a JSON object per line (application/x-ndjson).
func asNDJSON(w io.Writer) (write func(query.Line) error, end func() error) {
	write = func(l query.Line) error {
		line, err := json.Marshal(lineOf(l))
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	}
	return write, func() error { return nil }
}

// asCSV writes a table as of RFC 4180, with a line of names.
func asCSV(w io.Writer) (write func(query.Line) error, end func() error) {
	table := csv.NewWriter(w)
	table.UseCRLF = true
	broken := table.Write(csvNames)
	write = func(l query.Line) error {
		if broken != nil {
			return broken
		}
		return table.Write(csvCells(l))
	}
	return write, func() error { table.Flush(); return table.Error() }
}

var csvNames = []string{
	"transaction_id", "transaction_timestamp", "kind", "src_account_id", "dst_account_id", "amount", "currency", "direction", "status", "reason",
}

func csvCells(l query.Line) []string {
	cells := []string{
		l.ID, l.OccurredAt.UTC().Format(timestampLayout), string(l.Kind), l.Source, l.Destination,
		money.Amount{Minor: l.AmountMinor, Currency: l.Currency}.Decimal(), string(l.Currency), string(l.Direction), string(l.Status), string(l.Reason),
	}
	for i, cell := range cells {
		cells[i] = cellText(cell)
	}
	return cells
}

// cellText keeps a spreadsheet from taking a cell for a formula.
func cellText(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
