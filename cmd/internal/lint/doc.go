// Package lint looks for mistakes in what is deployed: in YAML that does not say
// what it seems to, in objects that the platform would take and then lose events
// or money's certainty by, and in everything in which the manifests, the code
// and the event catalogue disagree.
//
// [Check] judges one deployment, rendered by package manifests, against what
// [ReadCode] learnt of the code. Each [Finding] names the line to change. One
// mistake is one finding: a file that cannot be read as meant is not judged
// further, and what only follows from a mistake is not said again.
//
// The rules, by the names that findings have:
//
//	yaml, duplicate-key, unknown-field,     what the file says is not what a reader sees
//	type, unquoted, admission
//	described-twice, reference, stage       objects and the names they use
//	platform, domain, example               what staging and production say of where they are
//	broker, broker-class                    Brokers, and what kind production has
//	filter, cesql, unknown-type, wrong-     who hears what, against the catalogue and the
//	broker, not-heard, heard-twice,         code's own list of handlers
//	unheard
//	delivery, dead-letter, duration,        what a Trigger does when a function fails
//	timeout, lease, audit-deadline
//	idempotent, timer                       who may be sent an event at all
//	function, file, service-account, role,  a function as a workload
//	image, setting, pod-security,
//	resources, reach, scale, connections
//	skaffold, unread                        files that nothing uses, images that nobody builds
package lint
