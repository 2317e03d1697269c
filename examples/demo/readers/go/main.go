// The Go reader of the demo: a service with a few goroutines that share one
// cache.
package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"sync"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

const (
	workers     = 8
	panel       = 12
	singles     = 12
	jobKeys     = 8
	outageBound = 30 * time.Second // asked for by one round in four
	setEvery    = 300 * time.Millisecond
	flushEvery  = 200 * time.Millisecond
)

type reader struct {
	*assignment
	cache *edgecmp.Cache
	log   *receiptLog
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	given, err := parseAssignment()
	if err != nil {
		return err
	}
	log, err := createLog(given.log)
	if err != nil {
		return err
	}
	cache, err := edgecmp.Open(ctx, edgecmp.Options{Origin: given.origin, StalenessBound: given.bound})
	if err != nil {
		return err
	}
	r := &reader{assignment: given, cache: cache, log: log}
	until, cancel := context.WithTimeout(ctx, given.length)
	defer cancel()
	failures := make([]error, workers+1)
	var group sync.WaitGroup
	for number := range workers {
		group.Go(func() { failures[number] = r.read(until, ctx, number) })
	}
	group.Go(func() { failures[workers] = r.writeResults(until, ctx) })
	group.Go(func() { r.flush(until) })
	group.Wait()
	return errors.Join(errors.Join(failures...), cache.Close(ctx), log.close())
}

// read walks the mix at a steady pace until the time is over. Calls get a
// context of their own: the end of the time is no reason to fail one.
func (r *reader) read(until, ctx context.Context, number int) error {
	next := r.draws(number)
	round := (panel + singles) * workers * time.Second / time.Duration(r.rate)
	due := time.Now().Add(time.Duration(number) * round / workers)
	for count := 0; ; count++ {
		if late := time.Since(due); late > time.Second/4 {
			due = time.Now() // after a stall the pace goes on, without a burst
		}
		if !sleepUntil(until, due) {
			return nil
		}
		due = due.Add(round)
		var options []edgecmp.ReadOption
		asked := record{Reader: uint32(number), BoundNs: uint64(r.bound)}
		if count%4 == 0 {
			options = append(options, edgecmp.WithOutageBound(outageBound))
			asked.OutageBoundNs = uint64(outageBound)
		}
		for range singles {
			asked.Key = next()
			r.readOne(ctx, asked, options...)
		}
		if err := r.readPanel(ctx, next, asked, options...); err != nil {
			return err
		}
	}
}

func (r *reader) readOne(ctx context.Context, asked record, options ...edgecmp.ReadOption) {
	asked.StartNs = boottime()
	entry, err := r.cache.Get(ctx, r.keys[asked.Key], options...)
	asked.EndNs = boottime()
	asked.answer(entry, err)
	r.log.append(asked)
}

func (r *reader) readPanel(ctx context.Context, next func() uint32, asked record, options ...edgecmp.ReadOption) error {
	records := make([]record, panel)
	keys := make([]string, panel)
	for at := range records {
		records[at] = asked
		records[at].Key = next()
		keys[at] = r.keys[records[at].Key]
	}
	start := boottime()
	results, err := r.cache.GetMany(ctx, keys, options...)
	end := boottime()
	if err != nil {
		return err // rows can fail, the call as a whole cannot
	}
	for at, result := range results {
		records[at].StartNs, records[at].EndNs = start, end
		records[at].answer(result.Entry, result.Err)
	}
	r.log.append(records...)
	return nil
}

// writeResults keeps results in the origin and reads them back: G3.
func (r *reader) writeResults(until, ctx context.Context) error {
	due := time.Now()
	for count := 0; sleepUntil(until, due); count++ {
		due = time.Now().Add(setEvery)
		line := slices.Index(r.keys, fmt.Sprintf("job/go/%d", count%jobKeys))
		if line < 0 {
			return errors.New("the key list has no job/go keys")
		}
		value := fmt.Appendf(nil, `{"reader":"go","results":%d}`, count)
		r.write(until, ctx, uint32(line), value)
	}
	return nil
}

// write tries again with the same idempotency key while the outcome is
// unknown: that cannot write twice.
func (r *reader) write(until, ctx context.Context, line uint32, value []byte) {
	done := record{Key: line, CRC: crc32.ChecksumIEEE(value), Reader: workers, BoundNs: uint64(r.bound)}
	var options []edgecmp.WriteOption
	for {
		done.StartNs = boottime()
		version, err := r.cache.Set(ctx, r.keys[line], value, options...)
		done.EndNs = boottime()
		if err == nil {
			done.Kind, done.Version = kindSet, version.Low
			r.log.append(done)
			asked := record{Key: line, Reader: workers, BoundNs: uint64(r.bound), MinVersion: version.Low}
			r.readOne(ctx, asked, edgecmp.WithMinVersion(version))
			return
		}
		failed := done
		failed.Kind, failed.ErrorCode = kindUnknownWrite, errorCode(err)
		r.log.append(failed)
		var failure *edgecmp.Error
		if !errors.As(err, &failure) || failure.IdempotencyKey == "" || !sleepUntil(until, time.Now().Add(setEvery)) {
			return
		}
		options = []edgecmp.WriteOption{edgecmp.WithIdempotencyKey(failure.IdempotencyKey)}
	}
}

// flush lets whoever follows the log see it grow.
func (r *reader) flush(until context.Context) {
	for sleepUntil(until, time.Now().Add(flushEvery)) {
		r.log.flush()
	}
}

// sleepUntil is false when the time is over before.
func sleepUntil(until context.Context, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-until.Done():
		return false
	case <-timer.C:
		return until.Err() == nil
	}
}
