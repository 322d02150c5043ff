// Package cold puts old days of the report away: lines that no report reaches any
// more go to compressed files elsewhere, and their partition leaves the database.
//
// [Archive] takes the oldest day that is due, writes it in parts, reads each part
// back from where it lies, and only then notes it. When all of a day is noted,
// query.detach_day compares each part with the table once more, under a lock that
// readers do not feel, and takes the partition away. Whatever dies in between, the
// next run begins the day's missing parts anew; what does not agree stays in the
// database.
//
// A file is gzip of one JSON object per line, in the order of time; zcat and any
// tool for JSON read it. Lines that are heard of after their day was put away gather
// in the default partition and follow as another part of their day.
package cold
