package netpol_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/cmd/internal/netpol"
	"quittance.dev/cmd/internal/overlays"
)

const root = "../../.."

const ours = "quittance"

// platform is who else there is, by the labels that Kubernetes, Knative and
// their ingress give.
func platform() []netpol.Peer {
	pod := func(name, namespace string, labels ...string) netpol.Peer {
		p := netpol.Peer{
			Name: name, Namespace: namespace, Labels: map[string]string{},
			NamespaceLabels: map[string]string{corev1.LabelMetadataName: namespace},
		}
		for _, l := range labels {
			key, value, _ := strings.Cut(l, "=")
			p.Labels[key] = value
		}
		return p
	}
	gateway := pod("gateway", "kourier-system", "app=3scale-kourier-gateway")
	gateway.NamespaceLabels["quittance.dev/gateway"] = "true"
	return []netpol.Peer{
		gateway,
		pod("DNS", "kube-system", "k8s-app=kube-dns"),
		pod("metrics server", "kube-system", "k8s-app=metrics-server"),
		pod("activator", "knative-serving", "app=activator"),
		pod("autoscaler", "knative-serving", "app=autoscaler"),
		pod("broker ingress", "knative-eventing", "eventing.knative.dev/brokerRole=ingress"),
		pod("broker filter", "knative-eventing", "eventing.knative.dev/brokerRole=filter"),
		pod("channel dispatcher", "knative-eventing", "messaging.knative.dev/role=dispatcher"),
		pod("Kafka receiver", "knative-eventing", "app=kafka-broker-receiver"),
		pod("Kafka dispatcher", "knative-eventing", "app=kafka-broker-dispatcher"),
		pod("timers", "knative-eventing", "eventing.knative.dev/source=ping-source-controller"),
		pod("Prometheus", "monitoring", "app.kubernetes.io/name=prometheus"),
		pod("Grafana", "monitoring", "app.kubernetes.io/name=grafana"),
		pod("stranger", "default", "app.kubernetes.io/component=function", "app.kubernetes.io/name=payment"),
		pod("another's Postgres", "default", "app.kubernetes.io/name=postgres"),
		{Name: "internet", Address: netip.MustParseAddr("203.0.113.9")},
		{Name: "private network", Address: netip.MustParseAddr("10.30.0.5")},
		{Name: "another private network", Address: netip.MustParseAddr("192.168.7.7")},
		{Name: "the cloud's metadata", Address: netip.MustParseAddr("169.254.169.254")},
	}
}

// deployment is who is there with an overlay, and what is allowed.
type deployment struct {
	peers     []netpol.Peer
	functions []string
	policies  netpol.Policies
}

func read(t *testing.T, overlay string) deployment {
	t.Helper()
	objects, err := overlays.Render(t.Context(), filepath.Join(root, "infra", "overlays", overlay))
	require.NoError(t, err)
	labels := map[string]string{corev1.LabelMetadataName: ours}
	d := deployment{peers: []netpol.Peer{{Name: "intruder", Namespace: ours, NamespaceLabels: labels}}}
	for _, o := range objects {
		switch o := o.(type) {
		case *networkingv1.NetworkPolicy:
			require.Equal(t, ours, o.Namespace)
			d.policies = append(d.policies, o)
		case *knative.Service:
			d.functions = append(d.functions, o.Name)
		case *corev1.ConfigMap:
			if text, is := o.Data["postgres-network"]; is {
				network, err := netip.ParsePrefix(text)
				require.NoError(t, err)
				d.peers = append(d.peers, netpol.Peer{Name: "servers of Postgres", Address: network.Addr().Next()})
			}
		}
		meta, spec := overlays.Pod(o)
		if spec == nil {
			continue
		}
		p := netpol.Peer{Name: o.GetName(), Namespace: ours, NamespaceLabels: labels, Labels: meta.Labels, Ports: map[string]int32{}}
		for _, c := range spec.Containers {
			for _, port := range c.Ports {
				p.Ports[port.Name] = port.ContainerPort
			}
		}
		d.peers = append(d.peers, p)
	}
	d.peers = append(d.peers, platform()...)
	for i := range d.peers { // pods have addresses, too
		if d.peers[i].Namespace != "" {
			d.peers[i].Address = netip.AddrFrom4([4]byte{172, 20, 0, byte(i + 1)})
		}
	}
	return d
}

// ports is where connections are tried: every port that anybody listens on, and
// some where nobody does.
func ports() []netpol.Port {
	all := []netpol.Port{{Protocol: corev1.ProtocolUDP, Number: 53}, {Protocol: corev1.ProtocolUDP, Number: 443}}
	for _, n := range []int32{22, 53, 80, 443, 2379, 5432, 6443, 8008, 8012, 8013, 8022, 8080, 8081, 8112, 8440, 8441, 8442, 8443, 8444, 8445, 8446, 9090, 9091, 9092, 9093, 10250} {
		all = append(all, tcp(n))
	}
	return all
}

func line(from, to string, port netpol.Port) string {
	return fmt.Sprintf("%s -> %s %d/%s", from, to, port.Number, strings.ToLower(string(port.Protocol)))
}

// each asks the policies about every connection that one of the bank's pods could
// open or take, until nobody wants to hear more.
func (d deployment) each(t *testing.T, hear func(line string, allowed bool) bool) {
	t.Helper()
	for _, from := range d.peers {
		for _, to := range d.peers {
			if from.Name == to.Name || from.Namespace != ours && to.Namespace != ours {
				continue
			}
			for _, port := range ports() {
				allowed, err := d.policies.Allows(from, to, port)
				require.NoError(t, err)
				if !hear(line(from.Name, to.Name, port), allowed) {
					return
				}
			}
		}
	}
}

// listed lists the connections of the table for an overlay.
func (d deployment) listed(t *testing.T, overlay string) (lines []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", "network.md"))
	require.NoError(t, err)
	for row := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "from" || !slices.Contains(list(cells[4]), overlay) {
			continue
		}
		for _, from := range d.named(t, cells[1]) {
			for _, to := range d.named(t, cells[2]) {
				for _, port := range list(cells[3]) {
					number, protocol, stated := strings.Cut(port, "/")
					if !stated {
						protocol = "tcp"
					}
					n, err := strconv.Atoi(number)
					require.NoError(t, err)
					at := netpol.Port{Protocol: corev1.Protocol(strings.ToUpper(protocol)), Number: int32(n)}
					require.Contains(t, ports(), at, "this test does not try it")
					if from != to {
						lines = append(lines, line(from, to, at))
					}
				}
			}
		}
	}
	return lines
}

func list(cell string) (names []string) {
	for name := range strings.SplitSeq(cell, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	return names
}

// named resolves a cell of the table.
func (d deployment) named(t *testing.T, cell string) (names []string) {
	t.Helper()
	for _, name := range list(cell) {
		switch name {
		case "every function":
			names = append(names, d.functions...)
		case "every pod":
			for _, p := range d.peers {
				if p.Namespace == ours {
					names = append(names, p.Name)
				}
			}
		default:
			require.True(t, slices.ContainsFunc(d.peers, func(p netpol.Peer) bool { return p.Name == name }), "the table knows a %q, the deployment none", name)
			names = append(names, name)
		}
	}
	return names
}

// E3, A28: of every pair of pods and every port, in both directions, exactly
// those of docs/network.md are open.
func TestE3_PoliciesAllowExactlyTheListedPairs(t *testing.T) {
	for _, overlay := range []string{"kind", "staging", "production"} {
		t.Run(overlay, func(t *testing.T) {
			d := read(t, overlay)
			require.NotEmpty(t, d.functions)
			var allowed []string
			d.each(t, func(line string, can bool) bool {
				if can {
					allowed = append(allowed, line)
				}
				return true
			})
			listed := d.listed(t, overlay)
			require.Empty(t, without(allowed, listed), "allowed, but not in docs/network.md")
			require.Empty(t, without(listed, allowed), "in docs/network.md, but not allowed")
		})
	}
}

// Without any one of the policies something else would be open, or closed: none
// is there for nothing, and the test above would see it go.
func TestE3_EveryPolicyIsNeeded(t *testing.T) {
	for _, overlay := range []string{"kind", "production"} {
		d := read(t, overlay)
		all, listed := d.policies, map[string]bool{}
		for _, l := range d.listed(t, overlay) {
			listed[l] = true
		}
		for i, p := range all {
			d.policies = slices.Delete(slices.Clone(all), i, i+1)
			same := true
			d.each(t, func(line string, can bool) bool {
				same = can == listed[line]
				return same
			})
			require.False(t, same, "%s: %s changes nothing", overlay, p.Name)
		}
	}
}

func without(lines, others []string) (left []string) {
	known := map[string]bool{}
	for _, l := range others {
		known[l] = true
	}
	for _, l := range lines {
		if !known[l] {
			left = append(left, l)
		}
	}
	return left
}
