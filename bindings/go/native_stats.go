package edgecmp

// #include "shim.h"
import "C"

import (
	"reflect"
	"sync"
	"unsafe"
)

// statFields says which field of Stats has which row of the library's table.
// A row that Stats does not know is of a newer library, and left out.
var statFields = sync.OnceValue(func() []int {
	byName := map[string]int{}
	stats := reflect.TypeFor[Stats]()
	for i := range stats.NumField() {
		byName[stats.Field(i).Tag.Get("stat")] = i
	}
	fields := make([]int, int(C.edgecmp_stats_count()))
	for row := range fields {
		field, ok := byName[statName(row)]
		if !ok {
			field = -1
		}
		fields[row] = field
	}
	return fields
})

// statName is the name of a row of the table of statistics.
func statName(row int) string {
	var info C.edgecmp_stat_info
	info.struct_size = C.size_t(unsafe.Sizeof(info))
	C.edgecmp_stats_at(C.size_t(row), &info, nil)
	return C.GoString(info.name)
}

func (n *native) stats() (Stats, error) {
	fields := statFields()
	values := make([]C.uint64_t, len(fields))
	var failure *C.edgecmp_error
	if C.edgecmp_stats(n.cache, unsafe.SliceData(values), C.size_t(len(values)), &failure) != C.EDGECMP_OK {
		return Stats{}, takeError(failure)
	}
	var stats Stats
	target := reflect.ValueOf(&stats).Elem()
	for row, field := range fields {
		if field >= 0 {
			target.Field(field).SetUint(uint64(values[row]))
		}
	}
	return stats, nil
}

func (n *native) metricsText() (string, error) {
	var text *C.char
	var failure *C.edgecmp_error
	if C.edgecmp_metrics_text(n.cache, &text, &failure) != C.EDGECMP_OK {
		return "", takeError(failure)
	}
	defer C.edgecmp_string_free(text)
	return C.GoString(text), nil
}
