package lint

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"quittance.dev/cmd/internal/manifests"
)

// What an overlay of a real platform says of it, in a ConfigMap of this name.
const (
	platform        = "platform"
	kafkaServers    = "kafka"
	postgresNetwork = "postgres-network"
	apiDomain       = "api-domain"

	gateway = "api" // the one function that has an address outside
)

// platform holds what staging and production say of their platform against what
// it must look like, and against the objects in which it takes effect.
func (c *check) platform() {
	for _, m := range c.set.Of(serving, "DomainMapping") {
		if m.Get("spec", "ref", "kind") != "Service" || m.Get("spec", "ref", "name") != gateway || m.Get("spec", "ref", "namespace") != m.Namespace {
			c.say(m, at("spec", "ref", "name"), "domain", "leads to %v: nothing but the API may be reached from outside", m.Get("spec", "ref", "name"))
			return
		}
	}
	if c.stageOf() != production && c.stageOf() != "staging" {
		return
	}
	o := c.set.Find("", "ConfigMap", platform)
	if o == nil {
		c.sayAt(c.whole(), "platform", "there is no ConfigMap %s, which says where Kafka, Postgres and the API's domain are", platform)
		return
	}
	for _, parameter := range []struct {
		name  string
		wrong func(value string) string
		is    func() (of *manifests.Object, path []string, value any) // in effect
	}{
		{kafkaServers, badServers, c.servers},
		{postgresNetwork, badNetwork, c.network},
		{apiDomain, badDomain, c.domain},
	} {
		value, is := o.Get("data", parameter.name).(string)
		if !is {
			c.say(o, at("data"), "platform", "does not say %s", parameter.name)
			continue
		}
		if wrong := parameter.wrong(value); wrong != "" {
			c.say(o, at("data", parameter.name), "platform", "%s: %s", parameter.name, wrong)
			continue
		}
		of, path, effect := parameter.is()
		switch {
		case of == nil:
			c.say(o, at("data", parameter.name), "platform", "%s: nothing here uses it", parameter.name)
		case effect != value:
			c.say(of, path, "platform", "is %v, and ConfigMap %s says %s: %s", effect, platform, parameter.name, value)
		}
	}
	c.gateway()
}

// servers are those of the Brokers.
func (c *check) servers() (*manifests.Object, []string, any) {
	o := c.set.Find("", "ConfigMap", "kafka-brokers")
	if o == nil {
		return nil, nil, nil
	}
	path := at("data", "bootstrap.servers")
	return o, path, o.Get(path...)
}

// network is the one destination that pods may reach Postgres at.
func (c *check) network() (*manifests.Object, []string, any) {
	o := c.set.Find("networking.k8s.io", "NetworkPolicy", "postgres-clients")
	if o == nil {
		return nil, nil, nil
	}
	path := at("spec", "egress", "0", "to")
	if to, _ := o.Get(path...).([]any); len(to) != 1 {
		return o, path, fmt.Sprintf("%d destinations", len(to))
	}
	path = append(path, "0", "ipBlock", "cidr")
	return o, path, o.Get(path...)
}

// domain is the name under which the API is reached.
func (c *check) domain() (*manifests.Object, []string, any) {
	mappings := c.set.Of(serving, "DomainMapping")
	if len(mappings) != 1 {
		return nil, nil, nil
	}
	return mappings[0], at("metadata", "name"), mappings[0].Name
}

// gateway looks at how the API's domain is mapped.
func (c *check) gateway() {
	const redirect = "networking.knative.dev/http-protocol"
	for _, m := range c.set.Of(serving, "DomainMapping") {
		if m.Get("metadata", "annotations", redirect) != "Redirected" {
			c.say(m, at("metadata", "annotations", redirect), "domain", "takes requests over plain HTTP: want %s: Redirected", redirect)
		}
		claim := c.set.Find("networking.internal.knative.dev", "ClusterDomainClaim", m.Name)
		if claim == nil {
			c.say(m, at("metadata", "name"), "domain", "there is no ClusterDomainClaim of that name, without which it is refused or anybody's")
		} else if claim.Get("spec", "namespace") != m.Namespace {
			c.say(claim, at("spec", "namespace"), "domain", "lets another namespace map the name")
		}
	}
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`)

func badServers(list string) string {
	for server := range strings.SplitSeq(list, ",") {
		host, port, _ := strings.Cut(server, ":")
		n, err := strconv.ParseUint(port, 10, 16)
		_, notAddress := netip.ParseAddr(host)
		if err != nil || n == 0 || notAddress != nil && !hostName.MatchString(host) {
			return strconv.Quote(server) + " is not host:port"
		}
	}
	return ""
}

// badNetwork also refuses a network in which much else must be: pods themselves,
// for one.
func badNetwork(text string) string {
	network, err := netip.ParsePrefix(text)
	least := 16
	if err == nil && network.Addr().Is6() {
		least = 48
	}
	switch {
	case err != nil:
		return err.Error()
	case network.Masked() != network:
		return "begins at " + network.Masked().String()
	case network.Bits() < least:
		return fmt.Sprintf("is wider than /%d: name the network of the servers", least)
	}
	return ""
}

func badDomain(name string) string {
	if !hostName.MatchString(name) || strings.HasSuffix(name, ".local") {
		return strconv.Quote(name) + " is not a name outside the cluster"
	}
	return ""
}

// host finds what may be the name of a host in a value.
var host = regexp.MustCompile(`[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`)

// Examples finds values that nobody has replaced by those of a real platform: host
// names that are kept free for documentation (RFC 2606), and an account of zeros.
func Examples(set *manifests.Set) []Finding {
	c := &check{set: set}
	said := map[string]string{} // by the platform; elsewhere they only take effect
	if o := set.Find("", "ConfigMap", platform); o != nil {
		said = dataOf(o)
	}
	for _, o := range set.Of("", "ConfigMap") {
		for name, value := range dataOf(o) {
			if o.Name != platform && slices.Contains(slices.Collect(maps.Values(said)), value) {
				continue
			}
			for _, found := range host.FindAllString(value, -1) {
				labels := strings.Split(found, ".")
				if slices.Contains(labels[max(len(labels)-2, 0):], "example") {
					c.say(o, at("data", name), "example", "%s: %s is an example: put your own here", name, found)
				}
			}
			if len(value) > 2 && strings.Trim(value[2:], "0") == "" && strings.HasPrefix(value, "AC") {
				c.say(o, at("data", name), "example", "%s: %s is an example: put your own here", name, value)
			}
		}
	}
	return Sorted(c.findings)
}
