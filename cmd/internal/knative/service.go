package knative

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
)

// Service is a Knative Service as far as a manifest writes it. Serving's own
// types are not used: that module asks for newer versions of what Eventing
// pins. The fields are those of serving.knative.dev/v1.
type Service struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ServiceSpec `json:"spec"`
}

// ServiceSpec is what is wanted of a Service.
type ServiceSpec struct {
	Template RevisionTemplate `json:"template"`
	Traffic  []TrafficTarget  `json:"traffic,omitempty"`
}

// RevisionTemplate describes the next revision.
type RevisionTemplate struct {
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              RevisionSpec `json:"spec"`
}

// RevisionSpec is a pod and how Serving may use it. Timeouts are in seconds.
type RevisionSpec struct {
	corev1.PodSpec              `json:",inline"`
	ContainerConcurrency        *int64 `json:"containerConcurrency,omitempty"`
	TimeoutSeconds              *int64 `json:"timeoutSeconds,omitempty"`
	ResponseStartTimeoutSeconds *int64 `json:"responseStartTimeoutSeconds,omitempty"`
	IdleTimeoutSeconds          *int64 `json:"idleTimeoutSeconds,omitempty"`
}

// TrafficTarget is a share of the requests, in percent.
type TrafficTarget struct {
	Tag            string `json:"tag,omitempty"`
	RevisionName   string `json:"revisionName,omitempty"`
	LatestRevision *bool  `json:"latestRevision,omitempty"`
	Percent        *int64 `json:"percent,omitempty"`
}

// SetDefaults does nothing: what Serving would fill in is not looked at here.
func (*Service) SetDefaults(context.Context) {}

// Validate asks for the one thing without which a Service is none.
func (s *Service) Validate(context.Context) *apis.FieldError {
	if len(s.Spec.Template.Spec.Containers) == 0 {
		return apis.ErrMissingField("spec.template.spec.containers")
	}
	return nil
}
