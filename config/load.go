package config

import (
	"context"
	"fmt"

	"github.com/sethvargo/go-envconfig"
)

// Load fills target, a pointer to a struct of blocks, from lookup, such as
// os.LookupEnv or the look-up of a map.
func Load(ctx context.Context, lookup func(string) (string, bool), target any) error {
	err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: target, Lookuper: lookuper(lookup)})
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return nil
}

type lookuper func(string) (string, bool)

func (l lookuper) Lookup(key string) (string, bool) { return l(key) }
