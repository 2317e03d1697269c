package edgecmp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgecmp/edgecmp/bindings/go"
)

// The cases of tests/vectors, which every language runs.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "tests", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// codeOf is the name of an error's code; empty for none.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var failure *edgecmp.Error
	if !errors.As(err, &failure) {
		t.Fatalf("no edgecmp.Error: %v", err)
	}
	return failure.Code.Error()
}

func TestVectorsOfOptions(t *testing.T) {
	var cases []struct {
		Option, Error, Says string
		Value               any
	}
	vectors(t, "options.json", &cases)
	for _, c := range cases {
		options := edgecmp.Options{Origin: "memory:", ByName: map[string]string{c.Option: fmt.Sprint(c.Value)}}
		cache, err := edgecmp.Open(context.Background(), options)
		if code := codeOf(t, err); code != c.Error || err != nil && !strings.Contains(err.Error(), c.Says) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil {
			cache.Close(context.Background())
		}
	}
}

type step struct {
	Call, Key      string
	KeyBytes       int `json:"key_bytes"`
	Value          *string
	IdempotencyKey string  `json:"idempotency_key"`
	IfVersion      *uint64 `json:"if_version"`
	MinVersion     *uint64 `json:"min_version"`
	Version        *uint64
	Found          *bool
	Source         string
	Miss           bool
	Error          string
}

func (s step) run(cache *edgecmp.Cache) (edgecmp.Version, *edgecmp.Entry, error) {
	ctx, key := context.Background(), s.Key
	if s.KeyBytes > 0 {
		key = strings.Repeat("k", s.KeyBytes)
	}
	var reads []edgecmp.ReadOption
	if s.MinVersion != nil {
		reads = append(reads, edgecmp.WithMinVersion(edgecmp.NewVersion(*s.MinVersion)))
	}
	var writes []edgecmp.WriteOption
	if s.IdempotencyKey != "" {
		writes = append(writes, edgecmp.WithIdempotencyKey(s.IdempotencyKey))
	}
	if s.IfVersion != nil {
		writes = append(writes, edgecmp.WithIfVersion(edgecmp.NewVersion(*s.IfVersion)))
	}
	var (
		version edgecmp.Version
		entry   *edgecmp.Entry
		err     error
	)
	switch s.Call {
	case "get":
		entry, err = cache.Get(ctx, key, reads...)
	case "lookup":
		entry, err = cache.Lookup(key, reads...)
	case "set":
		version, err = cache.Set(ctx, key, []byte(*s.Value), writes...)
	case "delete":
		version, err = cache.Delete(ctx, key, writes...)
	case "invalidate":
		err = cache.Invalidate(key)
	case "close":
		err = cache.Close(ctx)
	}
	if entry != nil {
		version = entry.Version
	}
	return version, entry, err
}

func TestVectorsOfCalls(t *testing.T) {
	var cases []struct {
		Name  string
		Steps []step
	}
	vectors(t, "calls.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			cache, err := edgecmp.Open(context.Background(), edgecmp.Options{Origin: "memory:"})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close(context.Background())
			for i, s := range c.Steps {
				s.check(t, i, cache)
			}
		})
	}
}

func (s step) check(t *testing.T, i int, cache *edgecmp.Cache) {
	t.Helper()
	version, entry, err := s.run(cache)
	if miss := errors.Is(err, edgecmp.ErrMiss); miss != s.Miss {
		t.Errorf("step %d %+v: %v", i, s, err)
	}
	// What the origin does not have, and what is not cached, are errors in Go alone.
	if errors.Is(err, edgecmp.ErrNotFound) || errors.Is(err, edgecmp.ErrMiss) {
		err = nil
	}
	if code := codeOf(t, err); code != s.Error {
		t.Errorf("step %d %+v: %v", i, s, err)
	}
	if entry == nil && (s.Found != nil || s.Source != "" || s.Value != nil && s.Call != "set") {
		t.Fatalf("step %d %+v: no entry, %v", i, s, err)
	}
	if s.Version != nil && version != edgecmp.NewVersion(*s.Version) {
		t.Errorf("step %d %+v: version %v", i, s, version)
	}
	if s.Found != nil && entry.Found() != *s.Found {
		t.Errorf("step %d %+v: found %v", i, s, entry.Found())
	}
	if s.Source != "" && entry.Source.String() != s.Source {
		t.Errorf("step %d %+v: source %v", i, s, entry.Source)
	}
	if s.Value != nil && s.Call != "set" && string(entry.Value) != *s.Value {
		t.Errorf("step %d %+v: value %q", i, s, entry.Value)
	}
}
