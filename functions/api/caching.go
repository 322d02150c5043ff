package api

import "strings"

// Conditional is part of the input of reads that have a version.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"Versions that you hold, as they stood in ETag. If one of them is still the version, the answer is 304 without a body."`
}

// holds tells whether the client has this version (RFC 9110, 13.1.2).
func (c Conditional) holds(etag string) bool {
	for held := range strings.SplitSeq(c.IfNoneMatch, ",") {
		held = strings.TrimSpace(held)
		if held == "*" || strings.TrimPrefix(held, "W/") == etag {
			return true
		}
	}
	return false
}

// Cached is part of the answer to reads that have a version. A client may keep
// what it got, for itself, and asks each time whether it still is the version.
type Cached struct {
	ETag         string `header:"ETag" doc:"The version of what was read."`
	CacheControl string `header:"Cache-Control" doc:"You may keep it, for yourself, and ask with If-None-Match before using it again."`
}

// cached is the answer's version. It stands for no longer than the next question,
// so nothing that is kept is ever used when it is older than that.
func cached(version string) Cached {
	return Cached{ETag: `"` + version + `"`, CacheControl: "private, no-cache"}
}
