package flowmap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

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

// shared are the folders of infra/ that every overlay is made of.
var shared = []string{"base", "functions"}

// objects reads all documents of the shared manifests.
func objects(infra fs.FS) ([]Object, error) {
	var all []Object
	for _, folder := range shared {
		read, err := objectsBelow(infra, folder)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	return all, nil
}

func objectsBelow(infra fs.FS, folder string) ([]Object, error) {
	var all []Object
	err := fs.WalkDir(infra, folder, func(name string, entry fs.DirEntry, err error) error {
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

// listed lists the files that the shared kustomizations are made of.
func listed(infra string) ([]string, error) {
	var files []string
	for _, folder := range shared {
		var kustomization struct {
			Resources []string `json:"resources"`
		}
		if err := readYAML(filepath.Join(infra, folder, "kustomization.yaml"), &kustomization); err != nil {
			return nil, err
		}
		for _, name := range kustomization.Resources {
			files = append(files, folder+"/"+name)
		}
	}
	return files, nil
}

// readEnv reads lines of NAME=value, as kustomize does: lines that begin with #
// and empty ones say nothing.
func readEnv(file string) (map[string]string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if _, twice := given[name]; !found || twice {
			return nil, fmt.Errorf("%s: %q is no setting, or there twice", file, line)
		}
		given[name] = value
	}
	return given, nil
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
