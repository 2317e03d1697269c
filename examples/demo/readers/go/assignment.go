package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// assignment is what the demo tells a reader.
type assignment struct {
	origin, log string
	keys        []string
	mix         []uint32
	bound       time.Duration
	length      time.Duration
	rate        int
	seed, id    uint64
}

func parseAssignment() (*assignment, error) {
	given := &assignment{}
	var keys, mix string
	var boundMs, seconds int
	flag.StringVar(&given.origin, "origin", "", "template of the documents' addresses")
	flag.StringVar(&keys, "keys", "", "key list, one a line")
	flag.StringVar(&mix, "mix", "", "line numbers of keys to ask for")
	flag.StringVar(&given.log, "log", "", "where the receipts go")
	flag.IntVar(&boundMs, "bound-ms", 200, "staleness bound")
	flag.IntVar(&seconds, "seconds", 10, "how long to read")
	flag.IntVar(&given.rate, "rate", 1000, "reads a second")
	flag.Uint64Var(&given.seed, "seed", 0, "where in the mix all readers begin")
	flag.Uint64Var(&given.id, "id", 0, "number of this reader")
	flag.Int64("clock-offset-ns", 0, "not needed here: this reader reads CLOCK_BOOTTIME itself")
	flag.Parse()
	given.bound = time.Duration(boundMs) * time.Millisecond
	given.length = time.Duration(seconds) * time.Second

	text, err := os.ReadFile(keys)
	if err != nil {
		return nil, err
	}
	given.keys = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	draws, err := os.ReadFile(mix)
	if err != nil {
		return nil, err
	}
	for at := 0; at+4 <= len(draws); at += 4 {
		key := binary.LittleEndian.Uint32(draws[at:])
		if int(key) >= len(given.keys) {
			return nil, fmt.Errorf("%s names key %d, the list ends before", mix, key)
		}
		given.mix = append(given.mix, key)
	}
	if len(given.mix) == 0 || given.rate <= 0 {
		return nil, fmt.Errorf("nothing to read: %d draws at %d a second", len(given.mix), given.rate)
	}
	return given, nil
}

// draws yields line numbers of keys for ever, from far where others begin.
func (a *assignment) draws(worker int) func() uint32 {
	place := a.seed + (a.id+1)*64 + uint64(worker)
	at := place * 0x9e3779b97f4a7c15 % uint64(len(a.mix))
	return func() uint32 {
		key := a.mix[at]
		at = (at + 1) % uint64(len(a.mix))
		return key
	}
}
