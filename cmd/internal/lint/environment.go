package lint

import (
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"quittance.dev/cmd/internal/manifests"
)

// runtimes are names that Go itself reads.
var runtimes = []string{"GOMEMLIMIT", "GOMAXPROCS", "GOGC", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// environments reads the settings of every pod of ours as its program will, and
// finds names that nobody asks for: a slip in one is a default in production.
func (c *check) environments() {
	c.settings = map[string]Blocks{}
	names := append(settingNames(), runtimes...)
	said := map[string]bool{} // ConfigMaps that were looked at
	broken := map[string]bool{}
	for _, p := range c.pods {
		for i, one := range p.spec.Containers {
			if !c.runsOurs(one.Image) {
				continue
			}
			given := map[string]string{}
			spoilt := false
			for _, from := range one.EnvFrom {
				if from.ConfigMapRef == nil {
					continue
				}
				o := c.set.Find("", "ConfigMap", from.ConfigMapRef.Name)
				if o == nil {
					continue // said where names that refer to nothing are
				}
				if !said[o.Name] {
					said[o.Name] = true
					broken[o.Name] = c.configMap(o, names)
				}
				spoilt = spoilt || broken[o.Name]
				maps.Copy(given, dataOf(o))
			}
			spoilt = c.ownSettings(p, i, one, names, given) || spoilt
			blocks, _, err := read(given)
			if err != nil && !spoilt {
				c.say(p.Object, p.below("containers", strconv.Itoa(i), "env"), "setting", "%v", err)
			}
			if err == nil {
				c.settings[p.Name] = blocks
			}
		}
	}
}

// ownSettings adds what a container sets by itself.
func (c *check) ownSettings(p pod, i int, one corev1.Container, names []string, given map[string]string) (spoilt bool) {
	for j, e := range one.Env {
		if e.ValueFrom == nil {
			given[e.Name] = e.Value
		}
		if !slices.Contains(names, e.Name) {
			c.say(p.Object, p.below("containers", strconv.Itoa(i), "env", strconv.Itoa(j)), "setting", "no function asks for %s", e.Name)
			spoilt = true
		}
	}
	return spoilt
}

// configMap looks at the settings that many pods share.
func (c *check) configMap(o *manifests.Object, names []string) (spoilt bool) {
	data := dataOf(o)
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !slices.Contains(names, name) {
			c.say(o, at("data", name), "setting", "no function asks for %s", name)
			spoilt = true
		}
		if _, _, err := read(map[string]string{name: data[name]}); err != nil {
			c.say(o, at("data", name), "setting", "%s: %v", name, err)
			spoilt = true
		}
	}
	return spoilt
}

func dataOf(o *manifests.Object) map[string]string {
	out := map[string]string{}
	data, _ := o.Get("data").(map[string]any)
	for name, value := range data {
		if text, ok := value.(string); ok {
			out[name] = text
		}
	}
	return out
}

// runsOurs tells whether an image holds a program of the project that reads the
// blocks of package config.
func (c *check) runsOurs(image string) bool {
	main, ours := program(image)
	return ours && len(main) > len(mainsPath) && main[:len(mainsPath)] == mainsPath
}
