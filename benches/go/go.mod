module bench-go

go 1.24.0

require (
	github.com/dgraph-io/ristretto/v2 v2.4.2
	github.com/edgecmp/edgecmp/bindings/go v0.0.0
	github.com/maypok86/otter/v2 v2.3.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/stretchr/testify v1.11.1 // indirect
	golang.org/x/sys v0.36.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/edgecmp/edgecmp/bindings/go => ../../bindings/go
