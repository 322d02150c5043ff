package knative

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
)

// Manifests is what the files under infra/ say about events: which Brokers
// there are, which Triggers lead from them to which Services, and which
// PingSources tick. Defaults are filled in as the cluster's admission webhook
// would. Each list is sorted by name.
type Manifests struct {
	// Namespace is the one given to Load or LoadInfra.
	Namespace   string
	Brokers     []*eventingv1.Broker
	Triggers    []*eventingv1.Trigger
	PingSources []*sourcesv1.PingSource
	Services    []*Service
}

// LoadInfra reads what all deployments share from the project's folder infra/:
// base and functions. Overlays are not read; they say what is different elsewhere.
func LoadInfra(namespace string, infra fs.FS) (*Manifests, error) {
	var trees []fs.FS
	for _, folder := range []string{"base", "functions"} {
		tree, err := fs.Sub(infra, folder)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		trees = append(trees, tree)
	}
	return Load(namespace, trees...)
}

// Load reads every .yaml and .yml file of the given trees, subfolders included.
// Documents that name no namespace belong to the given one, as with kubectl -n.
//
// Brokers, Triggers and PingSources are parsed with Knative's own types and
// checked with the code of its admission webhook; Knative Services are parsed
// with the fields that Serving knows. An unknown field, a key given twice, a
// value of the wrong type (an unquoted y is a boolean in YAML 1.1), a bad
// duration, an object described twice: each is an error that names its file and
// document. All errors are returned, joined. Other kinds only need to be YAML.
func Load(namespace string, trees ...fs.FS) (*Manifests, error) {
	m := &Manifests{Namespace: namespace}
	seen := make(map[string]string) // object -> where it was described
	var errs []error
	for _, tree := range trees {
		err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" {
				return nil
			}
			raw, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			errs = append(errs, m.addFile(name, raw, seen))
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("read manifests: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(m.Brokers, func(a, b *eventingv1.Broker) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Triggers, func(a, b *eventingv1.Trigger) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(m.PingSources, func(a, b *sourcesv1.PingSource) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Services, func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

// addFile adds the documents of one file, and reports all that is wrong in it.
func (m *Manifests) addFile(name string, raw []byte, seen map[string]string) error {
	documents, err := split(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ctx := Admission(context.Background())
	var errs []error
	for i, document := range documents {
		where := fmt.Sprintf("%s: document %d", name, i+1)
		object, err := m.add(ctx, document)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
			continue
		}
		if first, twice := seen[object]; twice && object != "" {
			errs = append(errs, fmt.Errorf("%s: %s is described already in %s", where, object, first))
		}
		seen[object] = where
	}
	return errors.Join(errs...)
}

// add parses one document into its list and returns the object's name, or
// nothing when the document is of no interest here.
func (m *Manifests) add(ctx context.Context, document []byte) (string, error) {
	head, err := parseHead(document)
	if err != nil {
		return "", err
	}
	switch head.Kind {
	case "Broker":
		b := &eventingv1.Broker{}
		if err := m.parse(ctx, head, "eventing.knative.dev/v1", document, b); err != nil {
			return "", err
		}
		m.Brokers = append(m.Brokers, b)
	case "Trigger":
		t := &eventingv1.Trigger{}
		if err := m.parse(ctx, head, "eventing.knative.dev/v1", document, t); err != nil {
			return "", err
		}
		m.Triggers = append(m.Triggers, t)
	case "PingSource":
		p := &sourcesv1.PingSource{}
		if err := m.parse(ctx, head, "sources.knative.dev/v1", document, p); err != nil {
			return "", err
		}
		m.PingSources = append(m.PingSources, p)
	case "Service":
		if head.APIVersion == "v1" { // Kubernetes' own Service has no function behind it
			return "", nil
		}
		s := &Service{}
		if err := m.parse(ctx, head, "serving.knative.dev/v1", document, s); err != nil {
			return "", err
		}
		m.Services = append(m.Services, s)
	default:
		return "", nil
	}
	return fmt.Sprintf("%s %s/%s", head.Kind, cmp.Or(head.Metadata.Namespace, m.Namespace), head.Metadata.Name), nil
}
