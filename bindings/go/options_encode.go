package edgecmp

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one option as core takes it: a name of its table and a text.
type setting struct{ name, text string }

// settings renders the fields that differ from their zero value, then ByName
// in the order of names, so that the first error is always the same one.
func (o *Options) settings() ([]setting, error) {
	var out []setting
	fields := reflect.ValueOf(o).Elem()
	for i := range fields.NumField() {
		name, ok := fields.Type().Field(i).Tag.Lookup("option")
		if !ok || fields.Field(i).IsZero() {
			continue
		}
		text, err := render(name, fields.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		out = append(out, setting{name, text})
	}
	for _, name := range slices.Sorted(maps.Keys(o.ByName)) {
		out = append(out, setting{name, o.ByName[name]})
	}
	return out, nil
}

// render writes a value as the table's type reads it. Ranges are core's to
// check: what is out of range here is still written so that core names it.
func render(name string, value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case time.Duration:
		return renderDuration(value), nil
	case int64:
		if value == Disabled {
			value = 0
		}
		return strconv.FormatInt(value, 10), nil
	case uint64:
		return strconv.FormatUint(value, 10), nil
	case map[string]time.Duration:
		return renderPrefixBounds(name, value)
	}
	panic(fmt.Sprintf("edgecmp: option %s has type %T, which is not encoded", name, value))
}

func renderDuration(d time.Duration) string {
	return strconv.FormatInt(int64(d), 10) + "ns"
}

func renderPrefixBounds(name string, bounds map[string]time.Duration) (string, error) {
	var pairs []string
	for _, prefix := range slices.Sorted(maps.Keys(bounds)) {
		// The comma parts the pairs in core's text form.
		if prefix == "" || strings.ContainsRune(prefix, ',') {
			return "", invalid(name, strconv.Quote(prefix), "prefixes that are not empty and have no comma")
		}
		pairs = append(pairs, prefix+"="+renderDuration(bounds[prefix]))
	}
	return strings.Join(pairs, ","), nil
}
