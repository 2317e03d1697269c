package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sort"
)

const (
	keyLen   = 32
	valueLen = 100
	draws    = 1 << 20
)

// putKey writes the key of an id: text, and the id at the end.
func putKey(key []byte, id uint32) {
	copy(key, "carrier/----------------/---")
	const hex = "0123456789abcdef"
	random := (uint64(id) + 1) * 0x9e3779b97f4a7c15
	for i := range 16 {
		key[8+i] = hex[random>>(4*i)&15]
	}
	binary.LittleEndian.PutUint32(key[28:], id)
}

func keyOf(id uint32) string {
	var key [keyLen]byte
	putKey(key[:], id)
	return string(key[:])
}

// valueOf begins with the id, plus one.
func valueOf(key string) []byte {
	value := make([]byte, valueLen)
	for i := range value {
		value[i] = 'v'
	}
	id := binary.LittleEndian.Uint32([]byte(key[keyLen-4:]))
	binary.LittleEndian.PutUint64(value, uint64(id)+1)
	return value
}

func word(value []byte) uint64 { return binary.LittleEndian.Uint64(value) }

// zipf draws keys out of n, Zipf 0.99, one after another in memory. What is
// popular is spread at random over the ids.
func zipf(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	ids := random.Perm(n)
	sums := make([]float64, n)
	sum := 0.0
	for k := range sums {
		sum += math.Pow(float64(k+1), -0.99)
		sums[k] = sum
	}
	keys := make([]byte, draws*keyLen)
	for i := range draws {
		at := sort.SearchFloat64s(sums, random.Float64()*sum)
		putKey(keys[i*keyLen:][:keyLen], uint32(ids[min(at, n-1)]))
	}
	return keys
}
