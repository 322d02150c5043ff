package lint

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Kubernetes' tools read YAML 1.1, in which far more plain words are no strings
// than people expect. These are its rules, not those of the parser used here.
var (
	booleans = regexp.MustCompile(`^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	numbers  = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|(?:[0-9][0-9_]*)?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*\.?(?:[eE][-+]?[0-9]+)|[0-9][0-9_]*\.|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$`)
	dates    = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?$`)
	nulls    = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
)

// notString says what a plain scalar is to a reader of YAML 1.1, if it is no
// string; nothing for one that is, and for null, which means "not given".
func notString(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || node.Tag == "!!str" && node.Style&yaml.TaggedStyle != 0 {
		return ""
	}
	switch {
	case booleans.MatchString(node.Value):
		return "a boolean"
	case numbers.MatchString(node.Value):
		return "a number"
	case dates.MatchString(node.Value):
		return "a date"
	}
	return ""
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 && nulls.MatchString(node.Value)
}
