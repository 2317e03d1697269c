package edgecmp

// #include "shim.h"
import "C"

import (
	"sync"
	"unsafe"
)

// codeRow is what the library's table of errors says of a code.
type codeRow struct {
	name      string
	retriable bool
}

var codeTable = sync.OnceValue(func() map[Code]codeRow {
	table := map[Code]codeRow{}
	for i := range C.edgecmp_status_count() {
		status := C.edgecmp_status_at(i)
		switch status {
		case C.EDGECMP_OK, C.EDGECMP_MISS, C.EDGECMP_PENDING: // no errors
		default:
			name := C.GoString(C.edgecmp_status_name(C.int32_t(status)))
			table[Code(status)] = codeRow{name, bool(C.edgecmp_status_retriable(C.int32_t(status)))}
		}
	}
	return table
})

// OptionInfo is one row of the library's table of options.
type OptionInfo struct {
	// Name in snake_case, as Options.ByName has it.
	Name string
	// Kind: duration, size, integer, text, secret or prefix bounds.
	Kind string
	// Default, as text.
	Default string
	// Min and Max are the range, as text; empty where any text goes.
	Min, Max string
	// Doc says what the option does.
	Doc string
}

// OptionTable lists the options that the library knows, for programs that
// print or check their configuration.
func OptionTable() []OptionInfo {
	table := make([]OptionInfo, int(C.edgecmp_options_count()))
	for i := range table {
		var row C.edgecmp_option_info
		row.struct_size = C.size_t(unsafe.Sizeof(row))
		// Fails for a wrong index or size only: neither can be here.
		C.edgecmp_options_at(C.size_t(i), &row, nil)
		table[i] = OptionInfo{
			Name:    C.GoString(row.name),
			Kind:    C.GoString(row.kind),
			Default: C.GoString(row.default_value),
			Min:     C.GoString(row.min),
			Max:     C.GoString(row.max),
			Doc:     C.GoString(row.doc),
		}
	}
	return table
}

// LibraryVersion is the version of the library that is linked, such as "0.1.0".
func LibraryVersion() string { return C.GoString(C.edgecmp_version()) }
