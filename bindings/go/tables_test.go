package edgecmp

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"
)

// The constants of this package and the library's table of errors are one.
func TestCodesAreTheTable(t *testing.T) {
	constants := map[Code]string{
		ErrInvalidArgument: "INVALID_ARGUMENT", ErrUnknownOption: "UNKNOWN_OPTION", ErrClosed: "CLOSED",
		ErrForked: "FORKED", ErrUnsupported: "UNSUPPORTED", ErrDeadlineExceeded: "DEADLINE_EXCEEDED",
		ErrCancelled: "CANCELLED", ErrOverloaded: "OVERLOADED", ErrOriginUnavailable: "ORIGIN_UNAVAILABLE",
		ErrBreakerOpen: "BREAKER_OPEN", ErrOriginProtocol: "ORIGIN_PROTOCOL", ErrOriginRejected: "ORIGIN_REJECTED",
		ErrTooStale: "TOO_STALE", ErrVersionNotReached: "VERSION_NOT_REACHED", ErrUnknownOutcome: "UNKNOWN_OUTCOME",
		ErrConflict: "CONFLICT", ErrInternal: "INTERNAL",
	}
	for code, name := range constants {
		if code.Error() != name {
			t.Errorf("code %d is %s in the library, %s here", code, code.Error(), name)
		}
	}
	for code, row := range codeTable() {
		if _, ok := constants[code]; !ok {
			t.Errorf("the library has %s = %d, this package has not", row.name, code)
		}
	}
	if !ErrOverloaded.Retriable() || ErrConflict.Retriable() || Code(9999).Retriable() {
		t.Error("retriable codes are not those of the table")
	}
}

// Each option of the library is a field of its type, with its name as tag.
func TestOptionsAreTheTable(t *testing.T) {
	kinds := map[string][]reflect.Type{
		"duration":      {reflect.TypeFor[time.Duration]()},
		"size":          {reflect.TypeFor[int64]()},
		"integer":       {reflect.TypeFor[int64](), reflect.TypeFor[uint64]()},
		"text":          {reflect.TypeFor[string]()},
		"secret":        {reflect.TypeFor[string]()},
		"prefix bounds": {reflect.TypeFor[map[string]time.Duration]()},
	}
	fields := map[string]reflect.StructField{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Options]()) {
		if name := field.Tag.Get("option"); name != "" {
			fields[name] = field
		} else if field.Name != "Loader" && field.Name != "ByName" {
			t.Errorf("Options.%s names no option", field.Name)
		}
	}
	for _, row := range OptionTable() {
		field, ok := fields[row.Name]
		if !ok {
			t.Errorf("the library has the option %s, Options has not", row.Name)
			continue
		}
		delete(fields, row.Name)
		fits := false
		for _, kind := range kinds[row.Kind] {
			fits = fits || kind == field.Type
		}
		if !fits {
			t.Errorf("%s is a %s in the library, Options.%s a %s", row.Name, row.Kind, field.Name, field.Type)
		}
	}
	for name, field := range fields {
		t.Errorf("Options.%s names %s, which the library does not know", field.Name, name)
	}
}

func TestStatsAreTheTable(t *testing.T) {
	rows := statFields()
	if fields := reflect.TypeFor[Stats]().NumField(); fields != len(rows) {
		t.Errorf("Stats has %d fields, the library %d statistics", fields, len(rows))
	}
	for row, field := range rows {
		if field < 0 {
			t.Errorf("the library has the statistic %s, Stats has not", statName(row))
		}
	}
}

func TestSettingsAreTextsOfTheTable(t *testing.T) {
	options := Options{
		StalenessBound:  200 * time.Millisecond,
		Capacity:        1 << 20,
		BreakerFailures: Disabled,
		Seed:            ^uint64(0),
		PrefixBounds:    map[string]time.Duration{"b/": time.Second, "a/": time.Millisecond},
		ByName:          map[string]string{"read_timeout": "2s"},
	}
	got, err := options.settings()
	want := []setting{
		{"staleness_bound", "200000000ns"},
		{"prefix_bounds", "a/=1000000ns,b/=1000000000ns"},
		{"capacity", "1048576"},
		{"breaker_failures", "0"},
		{"seed", "18446744073709551615"},
		{"read_timeout", "2s"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("settings are %v, %v; want %v", got, err, want)
	}
}

// The waits of the library are read back as text; each way it has to write
// one must be one that Go reads.
func TestTimeoutsAreReadBack(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Millisecond, 1500 * time.Microsecond, 90 * time.Second, time.Minute, time.Hour} {
		cache, err := Open(context.Background(), Options{Origin: "memory:", ReadTimeout: timeout, WriteTimeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		defer cache.Close(context.Background())
		wantRead, wantWrite := timeout, timeout
		if timeout == 0 {
			wantRead, wantWrite = time.Second, 5*time.Second
		}
		if n := cache.native; n.readTimeout != wantRead || n.writeTimeout != wantWrite {
			t.Errorf("%v is read back as %v and %v", timeout, n.readTimeout, n.writeTimeout)
		}
	}
}

func TestErrorsAreThoseOfContext(t *testing.T) {
	deadline := newError(ErrDeadlineExceeded, "x")
	if !errors.Is(deadline, context.DeadlineExceeded) || errors.Is(deadline, context.Canceled) || !errors.Is(deadline, ErrDeadlineExceeded) {
		t.Error("ErrDeadlineExceeded is not what it should be")
	}
	why := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	cancelled := contextError(ctx, "x")
	for _, target := range []error{ErrCancelled, context.Canceled, why} {
		if !errors.Is(cancelled, target) {
			t.Errorf("%v is not %v", cancelled, target)
		}
	}
	lost := abandonedWrite(cancelled, "key-1")
	for _, target := range []error{ErrUnknownOutcome, context.Canceled, why} {
		if !errors.Is(lost, target) {
			t.Errorf("%v is not %v", lost, target)
		}
	}
	if lost.IdempotencyKey != "key-1" || !lost.Retriable {
		t.Errorf("%+v", lost)
	}
}
