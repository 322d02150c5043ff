package netpol

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Peer is one end of a connection: a pod, or an address outside the cluster,
// which has no namespace.
type Peer struct {
	Name            string
	Namespace       string
	NamespaceLabels map[string]string
	Labels          map[string]string
	Address         netip.Addr
	Ports           map[string]int32 // by the names that a pod's containers give them
}

// Port is where a connection goes.
type Port struct {
	Protocol corev1.Protocol
	Number   int32
}

// Policies is all policies of a cluster.
type Policies []*networkingv1.NetworkPolicy

// Allows tells whether from may open a connection to a port of to. The error is
// a policy that cannot be read.
func (all Policies) Allows(from, to Peer, port Port) (bool, error) {
	out, err := all.side(networkingv1.PolicyTypeEgress, from, to, to, port)
	if err != nil || !out {
		return false, err
	}
	return all.side(networkingv1.PolicyTypeIngress, to, from, to, port)
}

// side evaluates one direction: the policies that select the pod, against the
// other end. The port is one of target.
func (all Policies) side(direction networkingv1.PolicyType, pod, other, target Peer, port Port) (bool, error) {
	selected := false
	for _, p := range all {
		if pod.Namespace == "" || p.Namespace != pod.Namespace || !slices.Contains(types(p), direction) {
			continue
		}
		applies, err := selects(&p.Spec.PodSelector, pod.Labels)
		if err != nil {
			return false, fmt.Errorf("NetworkPolicy %s: %w", p.Name, err)
		}
		if !applies {
			continue
		}
		selected = true
		for _, r := range rules(p, direction) {
			allowed, err := r.allows(p.Namespace, other, target, port)
			if err != nil {
				return false, fmt.Errorf("NetworkPolicy %s: %w", p.Name, err)
			}
			if allowed {
				return true, nil
			}
		}
	}
	return !selected, nil
}

// types is what a policy is about: what it says, else ingress, and egress if it
// has rules for it.
func types(p *networkingv1.NetworkPolicy) []networkingv1.PolicyType {
	switch {
	case len(p.Spec.PolicyTypes) > 0:
		return p.Spec.PolicyTypes
	case len(p.Spec.Egress) > 0:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}

// rule is one rule of either direction.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rules(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) (all []rule) {
	if direction == networkingv1.PolicyTypeEgress {
		for _, r := range p.Spec.Egress {
			all = append(all, rule{r.To, r.Ports})
		}
		return all
	}
	for _, r := range p.Spec.Ingress {
		all = append(all, rule{r.From, r.Ports})
	}
	return all
}

// allows tells whether both the other end and the port are in the rule. A list
// that is empty leaves nothing out.
func (r rule) allows(namespace string, other, target Peer, port Port) (bool, error) {
	if len(r.ports) > 0 && !slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool { return covers(p, target, port) }) {
		return false, nil
	}
	if len(r.peers) == 0 {
		return true, nil
	}
	for _, p := range r.peers {
		if in, err := includes(p, namespace, other); in || err != nil {
			return in, err
		}
	}
	return false, nil
}

func covers(p networkingv1.NetworkPolicyPort, target Peer, port Port) bool {
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	switch {
	case protocol != port.Protocol:
		return false
	case p.Port == nil:
		return true
	case p.Port.Type == intstr.String:
		number, named := target.Ports[p.Port.StrVal]
		return named && number == port.Number
	case p.EndPort != nil:
		return p.Port.IntVal <= port.Number && port.Number <= *p.EndPort
	}
	return p.Port.IntVal == port.Number
}

// includes tells whether a peer of a policy in namespace is the other end.
func includes(p networkingv1.NetworkPolicyPeer, namespace string, other Peer) (bool, error) {
	if p.IPBlock != nil {
		return inBlock(p.IPBlock, other.Address)
	}
	if other.Namespace == "" {
		return false, nil
	}
	if p.NamespaceSelector == nil {
		if other.Namespace != namespace {
			return false, nil
		}
	} else if in, err := selects(p.NamespaceSelector, other.NamespaceLabels); !in || err != nil {
		return false, err
	}
	if p.PodSelector == nil {
		return p.NamespaceSelector != nil, nil
	}
	return selects(p.PodSelector, other.Labels)
}

func inBlock(b *networkingv1.IPBlock, address netip.Addr) (bool, error) {
	block, err := netip.ParsePrefix(b.CIDR)
	if err != nil || !block.Contains(address) {
		return false, err
	}
	for _, text := range b.Except {
		except, err := netip.ParsePrefix(text)
		if err != nil || except.Contains(address) {
			return false, err
		}
	}
	return true, nil
}

// selects tells whether a selector takes these labels; an empty one takes all.
func selects(s *metav1.LabelSelector, set map[string]string) (bool, error) {
	if len(s.MatchExpressions) == 0 { // nearly all, and cheap
		for key, value := range s.MatchLabels {
			if has, there := set[key]; !there || has != value {
				return false, nil
			}
		}
		return true, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return false, err
	}
	return selector.Matches(labels.Set(set)), nil
}
