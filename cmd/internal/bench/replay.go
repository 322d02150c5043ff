package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/functions/fn"
)

// namespace of the manifests.
const namespace = "quittance"

// replay posts events to brokers made of the same manifests, in front of
// services that do nothing.
func replay(ctx context.Context, o Options, said []fn.Envelope, round int) (p played, err error) {
	manifests, err := knative.LoadInfra(namespace, os.DirFS(filepath.Join(o.Root, "infra")))
	if err != nil {
		return p, err
	}
	services := map[string]http.Handler{}
	for _, s := range manifests.Services {
		services[s.Name] = http.HandlerFunc(nothing)
	}
	hops := newHopBook()
	b, err := knative.Start(ctx, knative.Options{Manifests: manifests, Services: services, Journal: hops})
	if err != nil {
		return p, err
	}
	defer func() { err = joinClose(err, b.Close) }()
	client := &http.Client{Transport: b.Transport()}
	seen := map[string]bool{}
	for _, e := range said {
		if !seen[e.CorrelationID] {
			seen[e.CorrelationID] = true
			p.journeys = append(p.journeys, e.CorrelationID)
		}
	}
	post := func(ctx context.Context, e fn.Envelope) error {
		return postEvent(ctx, client, b.URL(string(e.Broker)), e)
	}
	// Warm: every broker has its connections before the clock starts. The
	// journey is another one, so that it is not counted.
	if err := inParallel(ctx, min(len(said), 10*pairsWarm), func(ctx context.Context, i int) error {
		e := said[i]
		e.ID, e.CorrelationID = "warm-"+e.ID, "warm"
		return post(ctx, e)
	}); err != nil {
		return p, err
	}
	stop, err := profile(o.ProfileDir, fmt.Sprintf("hops-%d", round+1))
	if err != nil {
		return p, err
	}
	begun, used := time.Now(), own()
	err = inParallel(ctx, len(said), func(ctx context.Context, i int) error { return post(ctx, said[i]) })
	p.took, p.processor = time.Since(begun), own()-used
	if stopped := stop(); err == nil {
		err = stopped
	}
	p.deliveries, p.again = hops.count(p.journeys)
	return p, err
}

// nothing takes an event.
func nothing(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func postEvent(ctx context.Context, client *http.Client, url string, e fn.Envelope) error {
	request, err := e.Request(ctx, url)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
