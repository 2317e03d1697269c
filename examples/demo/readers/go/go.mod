module github.com/edgecmp/edgecmp/examples/demo/readers/go

go 1.25

require github.com/edgecmp/edgecmp/bindings/go v0.0.0

replace github.com/edgecmp/edgecmp/bindings/go => ../../../../bindings/go
