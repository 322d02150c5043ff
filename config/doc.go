// Package config is what a process is told: small blocks that functions
// compose into their own Config, read from the environment (or from a map, in
// tests) by sethvargo/go-envconfig.
//
//	var c struct {
//		config.Service
//		config.Mambu
//	}
//	err := config.Load(ctx, os.LookupEnv, &c)
//
// A field works when it is absent. A secret is never in the environment: a
// field names the file that holds it.
package config
