//go:build !edgecmp_shared

package edgecmp

// The library that `make build` places in lib/ is linked into the program.

// #cgo CFLAGS: -I${SRCDIR}/lib
// #cgo linux LDFLAGS: ${SRCDIR}/lib/libedgecmp.a -lm -ldl -lpthread
// #cgo darwin LDFLAGS: ${SRCDIR}/lib/libedgecmp.a -framework CoreFoundation -framework Security
import "C"
