package netpol_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"quittance.dev/cmd/internal/netpol"
)

var (
	blue    = netpol.Peer{Name: "blue", Namespace: "ours", NamespaceLabels: map[string]string{"team": "a"}, Labels: map[string]string{"app": "blue"}, Address: netip.MustParseAddr("10.1.0.1"), Ports: map[string]int32{"http": 8080}}
	red     = netpol.Peer{Name: "red", Namespace: "ours", NamespaceLabels: map[string]string{"team": "a"}, Labels: map[string]string{"app": "red"}, Address: netip.MustParseAddr("10.1.0.2")}
	foreign = netpol.Peer{Name: "foreign", Namespace: "theirs", NamespaceLabels: map[string]string{"team": "b"}, Labels: map[string]string{"app": "red"}, Address: netip.MustParseAddr("10.2.0.1")}
	world   = netpol.Peer{Name: "world", Address: netip.MustParseAddr("192.0.2.7")}
)

func tcp(number int32) netpol.Port { return netpol.Port{Protocol: corev1.ProtocolTCP, Number: number} }

// The definition of networking.k8s.io/v1, sentence by sentence.
func TestPoliciesMeanWhatTheAPISays(t *testing.T) {
	for name, c := range map[string]struct {
		spec     string // of one policy in the namespace ours, that selects blue unless it says otherwise
		from, to netpol.Peer
		port     netpol.Port
		allowed  bool
	}{
		"nothing selected, nothing refused":      {`{podSelector: {matchLabels: {app: green}}, policyTypes: [Ingress, Egress]}`, red, blue, tcp(80), true},
		"selected, and no rule":                  {`{policyTypes: [Ingress]}`, red, blue, tcp(80), false},
		"an empty rule leaves nothing out":       {`{ingress: [{}]}`, world, blue, tcp(80), true},
		"ingress alone says nothing of egress":   {`{policyTypes: [Ingress]}`, blue, red, tcp(80), true},
		"without policyTypes: ingress":           {`{}`, red, blue, tcp(80), false},
		"without policyTypes: no egress":         {`{}`, blue, red, tcp(80), true},
		"without policyTypes, with egress rules": {`{egress: [{to: [{podSelector: {matchLabels: {app: green}}}]}]}`, blue, red, tcp(80), false},
		"a pod of the same namespace":            {`{ingress: [{from: [{podSelector: {matchLabels: {app: red}}}]}]}`, red, blue, tcp(80), true},
		"its like in another namespace":          {`{ingress: [{from: [{podSelector: {matchLabels: {app: red}}}]}]}`, foreign, blue, tcp(80), false},
		"every pod of a namespace":               {`{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}`, foreign, blue, tcp(80), true},
		"both selectors of one peer":             {`{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: green}}}]}]}`, foreign, blue, tcp(80), false},
		"either selector of two peers":           {`{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: green}}}]}]}`, foreign, blue, tcp(80), true},
		"an empty namespaceSelector is all pods": {`{ingress: [{from: [{namespaceSelector: {}}]}]}`, foreign, blue, tcp(80), true},
		"and no address outside":                 {`{ingress: [{from: [{namespaceSelector: {}}]}]}`, world, blue, tcp(80), false},
		"a block":                                {`{egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`, blue, world, tcp(80), true},
		"what a block leaves out":                {`{egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [192.0.2.0/28]}}]}]}`, blue, world, tcp(80), false},
		"a port":                                 {`{ingress: [{ports: [{port: 80}]}]}`, red, blue, tcp(80), true},
		"another port":                           {`{ingress: [{ports: [{port: 80}]}]}`, red, blue, tcp(81), false},
		"the port of another protocol":           {`{ingress: [{ports: [{port: 80, protocol: UDP}]}]}`, red, blue, tcp(80), false},
		"every port of a protocol":               {`{ingress: [{ports: [{protocol: TCP}]}]}`, red, blue, tcp(4711), true},
		"a range":                                {`{ingress: [{ports: [{port: 80, endPort: 90}]}]}`, red, blue, tcp(90), true},
		"past a range":                           {`{ingress: [{ports: [{port: 80, endPort: 90}]}]}`, red, blue, tcp(91), false},
		"a port by the name that the pod gives":  {`{ingress: [{ports: [{port: http}]}]}`, red, blue, tcp(8080), true},
		"a name that the pod does not give":      {`{ingress: [{ports: [{port: grpc}]}]}`, red, blue, tcp(8080), false},
		"peer and port must both be in the rule": {`{ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]}`, foreign, blue, tcp(80), false},
		"the rules of one policy add up":         {`{ingress: [{ports: [{port: 80}]}, {ports: [{port: 81}]}]}`, red, blue, tcp(81), true},
		"an expression":                          {`{podSelector: {matchExpressions: [{key: app, operator: In, values: [blue, red]}]}, policyTypes: [Ingress]}`, blue, red, tcp(80), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &networkingv1.NetworkPolicy{}
			p.Namespace = "ours"
			p.Spec.PodSelector.MatchLabels = map[string]string{"app": "blue"}
			require.NoError(t, yaml.UnmarshalStrict([]byte(c.spec), &p.Spec))
			if len(p.Spec.PodSelector.MatchExpressions) > 0 {
				p.Spec.PodSelector.MatchLabels = nil
			}
			allowed, err := netpol.Policies{p}.Allows(c.from, c.to, c.port)
			require.NoError(t, err)
			require.Equal(t, c.allowed, allowed)
		})
	}
}

// The policies of one pod add up; both ends must agree.
func TestPoliciesAddUp(t *testing.T) {
	policy := func(namespace, spec string) *networkingv1.NetworkPolicy {
		p := &networkingv1.NetworkPolicy{}
		p.Namespace = namespace
		require.NoError(t, yaml.UnmarshalStrict([]byte(spec), &p.Spec))
		return p
	}
	deny := policy("ours", `{podSelector: {}, policyTypes: [Ingress, Egress]}`)
	in := policy("ours", `{podSelector: {matchLabels: {app: blue}}, ingress: [{from: [{podSelector: {}}]}]}`)
	out := policy("ours", `{podSelector: {matchLabels: {app: red}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}`)
	for _, c := range []struct {
		policies netpol.Policies
		allowed  bool
	}{
		{netpol.Policies{deny}, false},
		{netpol.Policies{deny, in}, false},
		{netpol.Policies{deny, out}, false},
		{netpol.Policies{deny, in, out}, true},
		{netpol.Policies{in, out}, true},
	} {
		allowed, err := c.policies.Allows(red, blue, tcp(80))
		require.NoError(t, err)
		require.Equal(t, c.allowed, allowed)
	}
}
