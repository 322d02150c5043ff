package lint

import (
	"fmt"
	"regexp"
	"strconv"
)

const (
	// reserved is how many of Postgres's connections functions must leave: three
	// are kept for superusers, the rest is for migrations, for people, and for a
	// second revision while one is replaced.
	reserved = 10

	// postgresDefault is max_connections where nobody says anything else.
	postgresDefault = 100

	// bell is the relay's connection beside its pool, on which it listens.
	bell = 1

	maxScale  = "autoscaling.knative.dev/max-scale"
	minScale  = "autoscaling.knative.dev/min-scale"
	poolSize  = "POSTGRES_MAX_CONNECTIONS"
	maxStated = "quittance.dev/postgres-max-connections"
)

var maxArgument = regexp.MustCompile(`max_connections\s*=\s*'?([0-9]+)`)

// connections adds up what Postgres is asked for at the worst. Without
// max-scale, Serving answers a burst with as many pods as it takes, and the
// functions shut each other out of the database.
func (c *check) connections() {
	worst := 0
	for _, s := range c.services {
		annotations := s.is.Spec.Template.Annotations
		path := at("spec", "template", "metadata", "annotations", maxScale)
		most, err := strconv.Atoi(annotations[maxScale])
		if err != nil || most < 1 { // 0 is Serving's word for no bound
			c.say(s.Object, path, "scale", "may have any number of pods: state %s", maxScale)
			continue
		}
		if least, stated := annotations[minScale]; stated {
			n, err := strconv.Atoi(least)
			if err != nil || n < 0 || n > most {
				c.say(s.Object, at("spec", "template", "metadata", "annotations", minScale), "scale", "%s is %s, not a number up to %d", minScale, least, most)
			}
		}
		worst += most * c.pool(s.Name)
	}
	for _, p := range c.pods {
		if p.Kind == "Deployment" && p.Name == relay {
			replicas, stated := p.Get("spec", "replicas").(int64)
			if !stated {
				replicas = 1
			}
			worst += int(replicas) * (c.pool(relay) + bell)
		}
	}
	if most := c.maxConnections() - reserved; worst > most {
		c.sayAt(c.whole(), "connections", "scaled out, the functions hold %d connections to Postgres, over the %d they may: lower a %s or %s, or raise max_connections", worst, most, maxScale, poolSize)
	}
}

func (c *check) pool(name string) int {
	return c.settings[name].Postgres.MaxConnections
}

// maxConnections is what Postgres takes: as its arguments here say, or as the
// Namespace says of one outside, or its default.
func (c *check) maxConnections() int {
	for _, n := range c.set.Of("", "Namespace") {
		if stated, ok := n.Get("metadata", "annotations", maxStated).(string); ok {
			if most, err := strconv.Atoi(stated); err == nil {
				return most
			}
		}
	}
	for _, p := range c.pods {
		for _, one := range p.spec.Containers {
			if found := maxArgument.FindStringSubmatch(fmt.Sprint(one.Command, one.Args)); found != nil {
				most, _ := strconv.Atoi(found[1]) // digits only
				return most
			}
		}
	}
	for _, o := range c.set.Of("", "ConfigMap") { // a script that starts it
		if found := maxArgument.FindStringSubmatch(fmt.Sprint(o.Get("data"))); found != nil {
			most, _ := strconv.Atoi(found[1])
			return most
		}
	}
	return postgresDefault
}
