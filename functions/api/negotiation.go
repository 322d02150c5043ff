package api

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type acceptKey struct{}

// negotiable has the Accept header of a route with several representations put
// aside for it; huma is to see none.
func negotiable(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), acceptKey{}, strings.Join(r.Header.Values("Accept"), ",")))
}

func acceptOf(ctx context.Context) string {
	accept, _ := ctx.Value(acceptKey{}).(string)
	return accept
}

// formatOf is the representation that a request wants: the named one, else the best
// of Accept (RFC 9110, 12.5.1), else JSON. What cannot be read in Accept is not
// asked for.
func formatOf(name, accept string) (format, bool) {
	if i := slices.IndexFunc(formats, func(f format) bool { return f.name == name }); i >= 0 {
		return formats[i], true
	}
	if strings.TrimSpace(accept) == "" {
		return formatJSON, true
	}
	var best format
	quality := 0.0
	for _, f := range formats { // the first of equals is the best
		if q := wanted(f.mediaType, accept); q > quality {
			best, quality = f, q
		}
	}
	return best, quality > 0
}

// wanted is the quality of a media type, by the most specific range that it is in.
func wanted(mediaType, accept string) float64 {
	kind, _, _ := strings.Cut(mediaType, "/")
	quality, closest := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		near := 0
		switch name {
		case mediaType:
			near = 3
		case kind + "/*":
			near = 2
		case "*/*":
			near = 1
		}
		if near <= closest {
			continue
		}
		closest, quality = near, 1
		if text, there := parameters["q"]; there {
			if quality, err = strconv.ParseFloat(text, 64); err != nil || quality < 0 || quality > 1 {
				quality = 0
			}
		}
	}
	return quality
}
