module github.com/edgecmp/edgecmp/bindings/go

go 1.24
