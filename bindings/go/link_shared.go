//go:build edgecmp_shared

package edgecmp

// The library that pkg-config finds under the name edgecmp.

// #cgo pkg-config: edgecmp
import "C"
