package edgecmp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// Any REST API with validators is an origin.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/items/carrier%2FUA" && r.URL.Path != "/items/carrier/UA" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"42"`)
		fmt.Fprint(w, `{"delayed": 17}`)
	}))
	defer api.Close()

	ctx := context.Background()
	cache, err := edgecmp.Open(ctx, edgecmp.Options{
		Origin:         api.URL + "/items/{key}",
		StalenessBound: 200 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(ctx)

	entry, err := cache.Get(ctx, "carrier/UA")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, at most 200 ms old: %t\n", entry.Value, entry.Staleness <= 200*time.Millisecond)

	_, err = cache.Get(ctx, "carrier/XX")
	fmt.Println("not found:", errors.Is(err, edgecmp.ErrNotFound))
	// Output:
	// {"delayed": 17}, at most 200 ms old: true
	// not found: true
}

// A Go function is an origin too.
func ExampleLoaderFunc() {
	ctx := context.Background()
	cache, err := edgecmp.Open(ctx, edgecmp.Options{
		Loader: edgecmp.LoaderFunc(func(ctx context.Context, r edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{Value: []byte("value of " + r.Key), Version: edgecmp.NewVersion(1)}, nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(ctx)
	entry, err := cache.Get(ctx, "k")
	fmt.Println(string(entry.Value), entry.Version, entry.Source, err)
	// Output: value of k 1 origin <nil>
}

// A write whose outcome is unknown is repeated with the same idempotency key.
func ExampleCache_Set() {
	ctx := context.Background()
	cache, err := edgecmp.Open(ctx, edgecmp.Options{Origin: "memory:"})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(ctx)

	version, err := cache.Set(ctx, "k", []byte("v"))
	var failed *edgecmp.Error
	for errors.As(err, &failed) && failed.Code == edgecmp.ErrUnknownOutcome {
		version, err = cache.Set(ctx, "k", []byte("v"), edgecmp.WithIdempotencyKey(failed.IdempotencyKey))
	}
	fmt.Println(!version.IsZero(), err)
	// Output: true <nil>
}

// View reads without a copy, within a callback.
func ExampleCache_View() {
	ctx := context.Background()
	cache, err := edgecmp.Open(ctx, edgecmp.Options{Origin: "memory:"})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(ctx)
	if _, err := cache.Set(ctx, "k", []byte("a long document")); err != nil {
		log.Fatal(err)
	}
	if _, err := cache.Get(ctx, "k"); err != nil { // now it is in the cache
		log.Fatal(err)
	}
	err = cache.View("k", func(value []byte, receipt edgecmp.Receipt) error {
		fmt.Println(len(value), "bytes from the", receipt.Source)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 15 bytes from the cache
	// <nil>
}
