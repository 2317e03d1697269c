package edgecmp

// #include "shim.h"
import "C"

import (
	"bytes"
	"strconv"
	"unsafe"
)

// takeValue copies an answer into Go's memory, and releases it.
func takeValue(key string, value *C.edgecmp_value) (*Entry, error) {
	defer C.edgecmp_value_release(value)
	var row C.edgecmp_go_row
	C.edgecmp_go_value_row(value, &row)
	return rowEntry(key, &row)
}

// takeResults copies the answers to a read of many, and frees them.
func takeResults(keys []string, results *C.edgecmp_results) ([]Result, error) {
	defer C.edgecmp_results_free(results)
	if count := int(C.edgecmp_results_count(results)); count != len(keys) {
		return nil, newError(ErrInternal, "asked for "+strconv.Itoa(len(keys))+" keys, got "+strconv.Itoa(count))
	}
	rows := make([]C.edgecmp_go_row, len(keys))
	C.edgecmp_go_results_rows(results, unsafe.SliceData(rows), C.size_t(len(rows)))
	out := make([]Result, len(keys))
	for i := range rows {
		out[i].Entry, out[i].Err = rowEntry(keys[i], &rows[i])
	}
	return out, nil
}

func rowEntry(key string, row *C.edgecmp_go_row) (*Entry, error) {
	if row.error != 0 {
		return nil, copyError(asError(row.error))
	}
	entry := &Entry{Key: key, Receipt: goReceipt(&row.receipt)}
	if !bool(row.receipt.found) {
		return entry, ErrNotFound
	}
	entry.Value = bytes.Clone(view(row.data, row.len))
	return entry, nil
}
