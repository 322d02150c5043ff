module quittance.dev/config

go 1.26

require github.com/sethvargo/go-envconfig v1.4.3

require (
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
