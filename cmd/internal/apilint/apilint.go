package apilint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	base "github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	"github.com/speakeasy-api/openapi/openapi/linter"
	"github.com/speakeasy-api/openapi/validation"
)

// Finding is one breach of a rule.
type Finding struct {
	Rule string
	Line int // of the document as it was given
	Text string
}

// String is the finding on one line.
func (f Finding) String() string { return fmt.Sprintf("openapi:%d: %s: %s", f.Line, f.Rule, f.Text) }

// Exception is a rule that is not kept, everywhere or in the findings that match.
type Exception struct {
	Rule  string
	Match *regexp.Regexp // nil is everywhere
	Why   string
}

// Without are the exceptions.
func Without() []Exception {
	webhook := regexp.MustCompile(`post /webhooks/stripe`)
	return []Exception{
		{"oas3-example-missing", nil, "examples stand where somebody has to type something; what is answered speaks for itself"},
		{"owasp-string-limit", nil, "bodies are capped at 64 KiB before they are read, and what is answered is ours"},
		{"owasp-string-restricted", nil, "what has a form has its pattern or enumeration; names, reasons and references are free text"},
		{"owasp-integer-limit", nil, "the parameters have limits; positions, numbers and counts that are answered have none"},
		{"owasp-array-limit", nil, "the one array that is taken has a limit; lists that are answered have the page's"},
		{"owasp-no-additional-properties", nil, "events may carry extension attributes, and the card processor's are its own"},
		{"owasp-additional-properties-constrained", nil, "as above; the size of the body bounds them"},
		{"owasp-rate-limit", webhook, "the card processor bears no token, so it is nobody's bucket; what it may not sign is refused first"},
		{"owasp-define-error-responses-429", webhook, "as above"},
		{"style-paths-kebab-case", regexp.MustCompile(`bank_transactions`), "the path that clients rely on already"},
		{"style-info-contact", nil, "who operates a bank says so where it is deployed"},
		{"style-oas3-api-servers", nil, "the API is where the document came from; a build does not know where it will be deployed"},
		{"style-tags-alphabetical", nil, "tags stand in the order in which one needs them"},
	}
}

func (f Finding) excepted() bool {
	return slices.ContainsFunc(Without(), func(e Exception) bool {
		return e.Rule == f.Rule && (e.Match == nil || e.Match.MatchString(f.Text))
	})
}

// Lint judges a document, JSON or YAML.
func Lint(ctx context.Context, document []byte) ([]Finding, error) {
	all, err := All(ctx, document)
	return slices.DeleteFunc(all, Finding.excepted), err
}

// All judges it without exceptions.
func All(ctx context.Context, document []byte) ([]Finding, error) {
	parsed, invalid, err := openapi.Unmarshal(ctx, bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	config := base.NewConfig()
	config.Extends = []string{"all"}
	l, err := linter.NewLinter(config)
	if err != nil {
		return nil, fmt.Errorf("make the linter: %w", err)
	}
	judged, err := l.Lint(ctx, base.NewDocumentInfo(parsed, "openapi.json"), invalid, nil)
	if err != nil {
		return nil, fmt.Errorf("judge the document: %w", err)
	}
	findings := make([]Finding, 0, len(judged.Results))
	for _, result := range judged.Results {
		one := Finding{Rule: "invalid", Text: result.Error()}
		if told, ok := errors.AsType[*validation.Error](result); ok {
			one = Finding{told.Rule, told.GetLineNumber(), told.UnderlyingError.Error()}
		}
		findings = append(findings, one)
	}
	return findings, nil
}
