package knative

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/uuid"
	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
)

// pingTimeout bounds one post of a tick.
const pingTimeout = 30 * time.Second

// pings runs the PingSources' timers. A tick is posted once: one that nobody
// takes, or that falls into the process's sleep, is lost, and not made up later.
// In a cluster it would be tried five times within three seconds and then be
// lost; there too a tick is a wake-up and no promise.
type pings struct {
	ctx     context.Context
	client  *http.Client
	logger  *zap.Logger
	cron    *cron.Cron
	sources map[string]pingSource
}

type pingSource struct {
	event cloudevents.Event // without id and time
	sink  string
}

func newPings(ctx context.Context, o Options, known addresses, transport http.RoundTripper) (*pings, error) {
	p := &pings{
		ctx:     ctx,
		client:  &http.Client{Transport: transport, Timeout: pingTimeout},
		logger:  o.Logger,
		sources: make(map[string]pingSource),
		cron: cron.New(cron.WithLogger(cron.DiscardLogger), cron.WithParser(cron.NewParser(
			cron.SecondOptional|cron.Minute|cron.Hour|cron.Dom|cron.Month|cron.Dow|cron.Descriptor))),
	}
	for _, manifest := range o.Manifests.PingSources {
		if err := p.add(manifest, known); err != nil {
			return nil, fmt.Errorf("PingSource %s: %w", manifest.Name, err)
		}
	}
	return p, nil
}

func (p *pings) add(manifest *sourcesv1.PingSource, known addresses) error {
	sink, err := known.of(manifest.Namespace, manifest.Spec.Sink)
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	event, err := tick(manifest)
	if err != nil {
		return err
	}
	schedule := manifest.Spec.Schedule
	if zone := manifest.Spec.Timezone; zone != "" {
		schedule = "CRON_TZ=" + zone + " " + schedule
	}
	source := pingSource{event: event, sink: sink.String()}
	_, err = p.cron.AddFunc(schedule, func() {
		if err := p.post(p.ctx, source); err != nil {
			p.logger.Warn("tick is lost", zap.String("pingsource", manifest.Name), zap.Error(err))
		}
	})
	if err != nil {
		return fmt.Errorf("schedule %q: %w", schedule, err)
	}
	p.sources[manifest.Name] = source
	return nil
}

// tick is the event that Knative's adapter would send.
func tick(manifest *sourcesv1.PingSource) (cloudevents.Event, error) {
	event := cloudevents.NewEvent()
	event.SetType(sourcesv1.PingSourceEventType)
	event.SetSource(sourcesv1.PingSourceSource(manifest.Namespace, manifest.Name))
	if overrides := manifest.Spec.CloudEventOverrides; overrides != nil {
		for name, value := range overrides.Extensions {
			event.SetExtension(name, value)
		}
	}
	data := []byte(manifest.Spec.Data)
	if manifest.Spec.DataBase64 != "" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(manifest.Spec.DataBase64); err != nil {
			return event, fmt.Errorf("dataBase64: %w", err)
		}
	}
	if len(data) > 0 {
		if err := event.SetData(manifest.Spec.ContentType, data); err != nil {
			return event, fmt.Errorf("data: %w", err)
		}
	}
	return event, nil
}

func (p *pings) post(ctx context.Context, s pingSource) error {
	event := s.event.Clone()
	event.SetID(uuid.NewString())
	event.SetTime(time.Now())
	req, err := cehttp.NewHTTPRequestFromEvent(ctx, s.sink, event)
	if err != nil {
		return fmt.Errorf("encode tick: %w", err)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("post tick: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // lets the connection be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("post tick to %s: answered %s", s.sink, res.Status)
	}
	return nil
}

func (p *pings) fire(ctx context.Context, name string) error {
	s, ok := p.sources[name]
	if !ok {
		return fmt.Errorf("there is no PingSource %s", name)
	}
	return p.post(ctx, s)
}

func (p *pings) start() { p.cron.Start() }

// stop ends the timers and waits for the posts that are under way.
func (p *pings) stop() {
	if p != nil {
		<-p.cron.Stop().Done()
	}
}
