package edgecmp

// #cgo noescape edgecmp_go_results_rows
// #cgo nocallback edgecmp_go_results_rows
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
	out := make([]Result, len(keys))
	var rows [togetherRows]C.edgecmp_go_row
	for first := 0; first < len(keys); first += togetherRows {
		end := min(first+togetherRows, len(keys))
		C.edgecmp_go_results_rows(C.uintptr_t(uintptr(unsafe.Pointer(results))), C.size_t(first), &rows[0],
			C.size_t(end-first))
		takeTogether(keys[first:end], rows[:end-first], out[first:end])
	}
	return out, nil
}

// Neighbours in a batch share memory, up to so many, and values up to so large:
// who keeps one keeps at most so much of the others.
const (
	togetherRows  = 32
	togetherBytes = 256
)

func takeTogether(keys []string, rows []C.edgecmp_go_row, out []Result) {
	size := 0
	for i := range rows {
		if rows[i].error == 0 && rows[i].len <= togetherBytes {
			size += int(rows[i].len)
		}
	}
	entries, values := make([]Entry, len(rows)), make([]byte, 0, size)
	for i := range rows {
		row, entry := &rows[i], &entries[i]
		if row.error != 0 {
			out[i].Err = copyError(asError(row.error))
			continue
		}
		out[i].Entry = entry
		entry.Key = keys[i]
		setReceipt(&entry.Receipt, &row.receipt)
		switch {
		case !bool(row.receipt.found):
			out[i].Err = ErrNotFound
		case row.len <= togetherBytes:
			start := len(values)
			values = append(values, view(row.data, row.len)...)
			entry.Value = values[start:len(values):len(values)]
		default:
			entry.Value = bytes.Clone(view(row.data, row.len))
		}
	}
}

func rowEntry(key string, row *C.edgecmp_go_row) (*Entry, error) {
	if row.error != 0 {
		return nil, copyError(asError(row.error))
	}
	entry := &Entry{Key: key}
	setReceipt(&entry.Receipt, &row.receipt)
	if !bool(row.receipt.found) {
		return entry, ErrNotFound
	}
	entry.Value = bytes.Clone(view(row.data, row.len))
	return entry, nil
}
