// The etcd server that the tests run against, at the version that go.sum pins:
// distributions have releases that are years old.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
