// Command bench-go is `make bench-go`: reads through Go beside the same reads
// in C and the bare crossing, in one process and over one cache.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// bar is how much of the time of C and an empty crossing Go may take.
const bar = 1.3

// figure is one row of go.json.
type figure struct {
	Row    string  `json:"row"`
	N      int     `json:"n"`
	NS     float64 `json:"ns"`
	Allocs float64 `json:"allocs"`
	// To the time of Beside and its share of a crossing.
	Beside string  `json:"beside,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"`
	Bar    float64 `json:"bar,omitempty"`
	Pass   *bool   `json:"pass,omitempty"`
}

// row is one way to read; run reads ops keys from the start-th on, and returns
// the sum of the values' first words.
type row struct {
	name, what string
	run        func(start, ops int) uint64
	beside     string  // the same work in C
	crossings  float64 // a key
	judged     bool
	blind      bool // returns no sum
}

func main() {
	out := flag.String("out", "target/bench", "folder for go.json")
	rounds := flag.Int("rounds", 15, "rounds")
	ops := flag.Int("ops", 1<<18, "reads of each row in a round")
	sizes := flag.String("n", "10000,1000000", "numbers of keys")
	only := flag.String("only", "", "measure this row alone, without ratios: for a profiler")
	check := flag.Bool("check", false, "fail if a bar is not met")
	flag.Parse()
	*ops = *ops / 32 * 32

	fmt.Printf("ns a key, medians of %d rounds of %d reads; Zipf 0.99; %s\n", *rounds, *ops, runtime.Version())
	var figures []figure
	passed := true
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		must(err)
		for _, f := range measure(n, *rounds, *ops, *only) {
			figures = append(figures, f)
			passed = passed && (f.Pass == nil || *f.Pass)
		}
	}
	verdict := map[bool]string{true: "PASS", false: "FAIL"}[passed]
	fmt.Printf("bar Go <= %.1f x (C + one empty cgo call): %s\n", bar, verdict)
	text, err := json.MarshalIndent(map[string]any{"rows": figures}, "", "  ")
	must(err)
	must(os.MkdirAll(*out, 0o755))
	must(os.WriteFile(filepath.Join(*out, "go.json"), append(text, '\n'), 0o644))
	if *check && !passed {
		os.Exit(1)
	}
}

func open(n int) *edgecmp.Cache {
	cache, err := edgecmp.Open(context.Background(), edgecmp.Options{
		Loader: edgecmp.LoaderFunc(func(_ context.Context, r edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{Value: valueOf(r.Key), Version: edgecmp.NewVersion(1)}, nil
		}),
		StalenessBound:    time.Hour,
		Capacity:          int64(64+n/1024) << 20,
		MaxValueBytes:     64 << 10,
		ReadTimeout:       time.Minute,
		OriginTimeout:     time.Minute,
		OriginConcurrency: 1024,
	})
	must(err)
	for start := 0; start < n; start += 1024 {
		var keys []string
		for id := start; id < min(n, start+1024); id++ {
			keys = append(keys, keyOf(uint32(id)))
		}
		results, err := cache.GetMany(context.Background(), keys)
		must(err)
		for _, result := range results {
			must(result.Err)
		}
	}
	return cache
}

func measure(n, rounds, ops int, only string) []figure {
	cache := open(n)
	defer func() { must(cache.Close(context.Background())) }()
	keys := zipf(n)
	rows := rowsOf(cache, keys)
	if n <= 100_000 {
		// Their memory on Go's heap would be in the way of larger ones.
		rows = append(rows, peers(n, keys)...)
	}
	if only != "" {
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.name != only })
	}
	expected := func(start int) (sum uint64) {
		for i := start; i < start+ops; i++ {
			sum += word(valueOf(keyAt(keys, i)))
		}
		return sum
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ns, allocs := make([][]float64, len(rows)), make([]float64, len(rows))
	for round := range rounds {
		start := round * ops
		want := expected(start)
		runtime.GC()
		for turn := range rows {
			at := (turn + round) % len(rows)
			r := rows[at]
			r.run(start+draws-ops/4, ops/4)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := processTime()
			sum := r.run(start, ops)
			took := processTime() - began
			runtime.ReadMemStats(&after)
			if sum != want && !r.blind {
				panic(r.name + ": wrong values, or misses")
			}
			ns[at] = append(ns[at], float64(took)/float64(ops))
			allocs[at] = float64(after.Mallocs-before.Mallocs) / float64(ops)
		}
	}
	return report(n, rows, ns, allocs)
}

func report(n int, rows []row, ns [][]float64, allocs []float64) []figure {
	index := func(name string) int {
		return slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	}
	var empty []float64
	if at := index("empty cgo call"); at >= 0 {
		empty = ns[at]
	}
	fmt.Printf("\n%d keys\n%-18s %8s %7s %6s\n", n, "", "ns", "allocs", "ratio")
	var figures []figure
	for i, r := range rows {
		f := figure{Row: r.name, N: n, NS: median(ns[i]), Allocs: allocs[i]}
		ratio, verdict := "", ""
		if r.beside != "" && index(r.beside) >= 0 {
			// Round by round: what disturbs a round disturbs both.
			ratios := make([]float64, len(ns[i]))
			for round, c := range ns[index(r.beside)] {
				ratios[round] = ns[i][round] / (c + r.crossings*empty[round])
			}
			f.Beside, f.Ratio = r.beside, median(ratios)
			ratio = fmt.Sprintf("%.2f", f.Ratio)
			if r.judged {
				pass := f.Ratio <= bar
				f.Bar, f.Pass = bar, &pass
				verdict = map[bool]string{true: "PASS", false: "FAIL"}[pass]
			}
		}
		fmt.Printf("%-18s %8.1f %7.2f %6s %-4s  %s\n", r.name, f.NS, f.Allocs, ratio, verdict, r.what)
		figures = append(figures, f)
	}
	return figures
}

func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// keyAt is a key as a program has it: a string, which costs nothing to make.
func keyAt(keys []byte, i int) string {
	at := i & (draws - 1) * keyLen
	return unsafe.String(&keys[at], keyLen)
}

// processTime is what all threads of this process used, in nanoseconds: the
// collector's work is part of the cost of what allocates, and what else runs
// on this machine is not.
func processTime() int64 {
	const processClock = 2
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processClock, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		panic(errno)
	}
	return ts.Nano()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
