package flowmap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"
)

// Object is a manifest of any kind, as far as it is looked at here.
type Object struct {
	File       string            `json:"-"`
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
	Data       map[string]string `json:"data"` // of a ConfigMap
	Spec       struct {
		Replicas *int32   `json:"replicas"` // of a Deployment
		Template struct { // of a Deployment
			Spec corev1.PodSpec `json:"spec"`
		} `json:"template"`
		Subject struct { // of a SinkBinding
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"subject"`
		Sink duckv1.Destination `json:"sink"`
	} `json:"spec"`
}

// objects reads all documents of all manifests.
func objects(infra fs.FS) ([]Object, error) {
	var all []Object
	err := fs.WalkDir(infra, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		raw, err := fs.ReadFile(infra, name)
		if err != nil {
			return err
		}
		decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
		for {
			o := Object{File: name}
			err := decoder.Decode(&o)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if o.Kind != "" {
				all = append(all, o)
			}
		}
	})
	return all, err
}

// find looks for an object by kind and name.
func (m *Map) find(kind, name string) (Object, bool) {
	for _, o := range m.Objects {
		if o.Kind == kind && o.Metadata.Name == name {
			return o, true
		}
	}
	return Object{}, false
}

// built lists the images that a skaffold.yaml builds.
func built(file string) ([]string, error) {
	var skaffold struct {
		Build struct {
			Artifacts []struct {
				Image string `json:"image"`
			} `json:"artifacts"`
		} `json:"build"`
	}
	if err := readYAML(file, &skaffold); err != nil {
		return nil, err
	}
	var images []string
	for _, a := range skaffold.Build.Artifacts {
		images = append(images, a.Image)
	}
	return images, nil
}

// listed lists the files that a kustomization is made of.
func listed(file string) ([]string, error) {
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	err := readYAML(file, &kustomization)
	return kustomization.Resources, err
}

func readYAML(file string, into any) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
