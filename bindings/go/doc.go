// Package edgecmp is an in-process cache whose every read says how stale its
// answer can be, and never exceeds the bound that was asked for.
//
// It compares versions with the origin instead of trusting a TTL:
//
//	cache, err := edgecmp.Open(ctx, edgecmp.Options{
//		Origin:         "https://api.example.com/items/{key}",
//		StalenessBound: 200 * time.Millisecond,
//	})
//	if err != nil { ... }
//	defer cache.Close(context.Background())
//
//	entry, err := cache.Get(ctx, "carrier/UA")
//	switch {
//	case errors.Is(err, edgecmp.ErrNotFound): // the origin has no such key
//	case err != nil:                          // nothing within the bound; err says why
//	default:
//		use(entry.Value, entry.Version, entry.Staleness)
//	}
//
// # The guarantee
//
// Unless the receipt says Degraded, the value was the origin's current one at
// some instant within the bound before the call. It holds through crashes,
// partitions and lost messages, and assumes that the origin's reads are
// linearizable with its writes and that the local monotonic clock runs true
// (Options.ClockDriftPPM allows for its drift).
//
// # Goroutines
//
// A [Cache] may be used by any number of goroutines. A hit is one call into
// the library that takes no lock and does not block. A miss parks its
// goroutine as network reads do: it holds no thread while the origin is asked.
// Each open cache has one goroutine of its own, which [Cache.Close] ends.
//
// # Errors
//
// [Code] lists why calls fail; errors.Is compares with a code, errors.As with
// an [*Error] has the message and whether the call can be repeated.
package edgecmp
