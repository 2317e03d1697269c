package edgecmp

import "time"

// Source says where an answer came from.
type Source int32

const (
	// FromCache: the cache had it; the read did not wait.
	FromCache Source = 0
	// FromOrigin: the read waited for the origin.
	FromOrigin Source = 1
)

// String returns "cache" or "origin".
func (s Source) String() string {
	if s == FromCache {
		return "cache"
	}
	return "origin"
}

// Proof says what shows that a value was current.
type Proof int32

const (
	// ProofNone: nothing within the bound; the answer is degraded.
	ProofNone Proof = 0
	// ProofPull: an answer of the origin.
	ProofPull Proof = 1
	// ProofStream: the watermark of the change stream.
	ProofStream Proof = 2
)

// String returns "none", "pull" or "stream".
func (p Proof) String() string {
	switch p {
	case ProofPull:
		return "pull"
	case ProofStream:
		return "stream"
	}
	return "none"
}

// Receipt is what a read says beside the value.
type Receipt struct {
	// Version of the value; zero if the origin never had the key.
	Version Version
	// Staleness is an upper bound on how far behind the origin the value can
	// be, taken within the call, the allowance for clock drift added.
	Staleness time.Duration
	// Bound is the staleness bound that the read was held to.
	Bound time.Duration
	// LastModified is when the origin last changed the value, in its own clock
	// and to the millisecond; the zero time if it did not say.
	LastModified time.Time
	// Source says whether the read waited for the origin.
	Source Source
	// Proof says what shows that the value was current.
	Proof Proof
	// Degraded: served past its bound, within the outage bound, because the
	// origin is away.
	Degraded bool
}

// Entry is the answer to a read: a value with its receipt. Value is the
// caller's own copy; it outlives the cache and may be changed. A small one lies
// in memory with its entry, those of one [Cache.GetMany] with their neighbours:
// keep a clone of Value if little of much is to be kept.
type Entry struct {
	// Key that was read.
	Key string
	// Value; nil if the origin has no such key, never nil if it has.
	Value []byte
	Receipt
}

// Found says whether the origin has the key.
func (e *Entry) Found() bool { return e.Value != nil }

// Result is one row of [Cache.GetMany].
type Result struct {
	// Entry is nil if Err is an [*Error].
	Entry *Entry
	// Err is nil, [ErrNotFound] or an [*Error].
	Err error
}
