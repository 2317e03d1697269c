package edgecmp

import "time"

// Disabled is an explicit zero for the integer options whose default is not
// zero: BreakerFailures: edgecmp.Disabled means no circuit breaker.
const Disabled = -1

// Options configure a cache. The zero value of a field stands for its default,
// which docs/options.md gives with the range. Ranges are checked by [Open],
// whose error names the field, the value and what is allowed.
//
// A test holds the fields and their tags against core's table of options.
type Options struct {
	// Origin: "memory:", "http://host/path/{key}" or "https://host/path/{key}".
	// Leave it empty with Loader.
	Origin string `option:"origin"`
	// Loader is an origin written in Go; with a [Writer] it also takes writes.
	Loader Loader

	// StalenessBound is the hard bound: no read returns a value that may be
	// further behind the origin. 1 s unless set.
	StalenessBound time.Duration `option:"staleness_bound"`
	// PrefixBounds are tighter or wider bounds by key prefix; the longest prefix
	// that fits counts. A prefix must not contain a comma.
	PrefixBounds map[string]time.Duration `option:"prefix_bounds"`
	// RefreshAfter is the age at which a read starts a background refresh; hot
	// keys are refreshed just before it, the first time up to a third of it before.
	// Unless set, as late as it can be in time for StalenessBound, by how long
	// refreshes take.
	RefreshAfter time.Duration `option:"refresh_after"`
	// PrefetchThreshold is from which access rate on a key is hot: a rate such as
	// "0.5/s", "adaptive" (one read within its bound), or "off". "adaptive".
	PrefetchThreshold string `option:"prefetch_threshold"`
	// PrefetchHalfLife is the half-life of what is known of a key's access rate.
	// 10 s.
	PrefetchHalfLife time.Duration `option:"prefetch_half_life"`
	// PrefetchBudgetPercent is how many of 100 keys asked of the origin may be
	// prefetches that no read has wanted since the one before. 10.
	PrefetchBudgetPercent int64 `option:"prefetch_budget_percent"`
	// PrefetchKeys is of how many keys access rates are known at once. Others are
	// refreshed in time whenever they were read in the second half of their age. 16,384.
	PrefetchKeys int64 `option:"prefetch_keys"`
	// OutageBound is how old a degraded answer may be while the origin is away
	// (RFC 5861 stale-if-error); never unless set.
	OutageBound time.Duration `option:"outage_bound"`
	// NegativeBound is the bound of "no such key"; StalenessBound unless set.
	NegativeBound time.Duration `option:"negative_bound"`
	// ClockDriftPPM is the allowance for the drift of the local clock, added to
	// every age, in parts per million. 500 unless set.
	ClockDriftPPM int64 `option:"clock_drift_ppm"`

	// Capacity is how many bytes all entries with all overhead may take. 64 MiB.
	Capacity int64 `option:"capacity"`
	// MaxKeyBytes is the length of the longest key. 1,024.
	MaxKeyBytes int64 `option:"max_key_bytes"`
	// MaxValueBytes: a larger value is returned, but not kept nor written. 1 MiB.
	MaxValueBytes int64 `option:"max_value_bytes"`
	// MaxResponseBytes: a larger answer of the origin is an error. 16 MiB.
	MaxResponseBytes int64 `option:"max_response_bytes"`
	// MaxHeaderBytes limits the header section of an origin's answer. 64 KiB.
	MaxHeaderBytes int64 `option:"max_header_bytes"`

	// ReadTimeout is the longest wait of a read; a context may end it sooner,
	// [WithReadTimeout] replaces it. 1 s.
	ReadTimeout time.Duration `option:"read_timeout"`
	// WriteTimeout is the longest wait of a write or delete. 5 s.
	WriteTimeout time.Duration `option:"write_timeout"`
	// OriginTimeout is the longest wait for one answer of the origin. 1 s.
	OriginTimeout time.Duration `option:"origin_timeout"`
	// ConnectTimeout is the longest wait for a connection. 500 ms.
	ConnectTimeout time.Duration `option:"connect_timeout"`

	// OriginConcurrency is how many requests to the origin (or calls of Loader)
	// run at once. 32.
	OriginConcurrency int64 `option:"origin_concurrency"`
	// OriginQueue is how many may wait for a free place; more are
	// ErrOverloaded. 1,024.
	OriginQueue int64 `option:"origin_queue"`
	// MaxWaiters is how many reads may wait for one key. 100,000.
	MaxWaiters int64 `option:"max_waiters"`
	// CompareBatch is how many keys one compare request asks. 256.
	CompareBatch int64 `option:"compare_batch"`
	// OriginBearerToken is sent to the origin, and never shown.
	OriginBearerToken string `option:"origin_bearer_token"`
	// OriginCAFile has PEM certificates that an https origin may be signed by.
	OriginCAFile string `option:"origin_ca_file"`

	// BreakerFailures in a row open the circuit breaker. 5.
	BreakerFailures int64 `option:"breaker_failures"`
	// BreakerCooldown is how long it stays open before a probe. 1 s.
	BreakerCooldown time.Duration `option:"breaker_cooldown"`
	// BreakerWindow is how far it looks back for the shares below. 10 s.
	BreakerWindow time.Duration `option:"breaker_window"`
	// BreakerMinCalls within the window, below which shares mean nothing. 20.
	BreakerMinCalls int64 `option:"breaker_min_calls"`
	// BreakerFailurePercent of failed requests opens it. 50.
	BreakerFailurePercent int64 `option:"breaker_failure_percent"`
	// BreakerSlowCall is longer than a request should take. None.
	BreakerSlowCall time.Duration `option:"breaker_slow_call"`
	// BreakerSlowPercent of slow requests opens it. 80.
	BreakerSlowPercent int64 `option:"breaker_slow_percent"`
	// BreakerRamp is how long requests are held back after an outage. 2 s.
	BreakerRamp time.Duration `option:"breaker_ramp"`
	// GatherWait is the longest wait of a miss for others to be asked with it. 20 ms.
	GatherWait time.Duration `option:"gather_wait"`
	// RetryLimit is how often one fetch is retried. 2.
	RetryLimit int64 `option:"retry_limit"`
	// RetryBudgetPercent is how many retries 100 requests may cause. 10.
	RetryBudgetPercent int64 `option:"retry_budget_percent"`
	// BackoffBase is the first wait before a retry. 10 ms.
	BackoffBase time.Duration `option:"backoff_base"`
	// BackoffCap is the longest wait before a retry. 1 s.
	BackoffCap time.Duration `option:"backoff_cap"`

	// KeepExpired is how long an entry that is past every bound stays, to be
	// compared instead of sent again; then it leaves by itself, also for reads
	// with an outage bound of their own. 10 s.
	KeepExpired time.Duration `option:"keep_expired"`

	// LeaseStore: "embedded:" or "embedded:<name>", shared by that name within
	// the process; redis://host:port/database; etcd://host:port,host:port; rediss://
	// and etcds:// with TLS.
	LeaseStore string `option:"lease_store"`
	// LeaseStoreUser is the user of the lease store.
	LeaseStoreUser string `option:"lease_store_user"`
	// LeaseStorePassword is sent to the lease store, and never shown.
	LeaseStorePassword string `option:"lease_store_password"`
	// LeaseStoreCAFile has PEM certificates that the lease store's certificate
	// must be signed by, instead of the public ones.
	LeaseStoreCAFile string `option:"lease_store_ca_file"`
	// LeaseStoreCertFile has the PEM certificate that this node shows to the
	// lease store.
	LeaseStoreCertFile string `option:"lease_store_cert_file"`
	// LeaseStoreKeyFile has the PEM key of that certificate.
	LeaseStoreKeyFile string `option:"lease_store_key_file"`
	// LeasePrefix is what the names of all leases in Redis or etcd begin with: the
	// same on all nodes of a fleet, and another one for each fleet that shares the
	// store. "lease/cache/".
	LeasePrefix string `option:"lease_prefix"`
	// LeaseSlots is how keys share refresh leases: a number of slots, or
	// "per_key"; the same on all nodes of a fleet. "1024".
	LeaseSlots string `option:"lease_slots"`
	// LeaseTTL is how long a refresh lease holds unless released. 2 s.
	LeaseTTL time.Duration `option:"lease_ttl"`
	// LeaseTimeout is the longest wait for the lease store. 50 ms.
	LeaseTimeout time.Duration `option:"lease_timeout"`
	// RefreshQueue is how many background refreshes may wait, those of keys beyond
	// PrefetchKeys that are not yet due included. 65,536.
	RefreshQueue int64 `option:"refresh_queue"`
	// LoaderThreads is for C origins; Go loaders run in goroutines.
	LoaderThreads int64 `option:"loader_threads"`
	// Seed of all random draws; a different one each time unless set.
	Seed uint64 `option:"seed"`

	// ByName sets options by their names in the table, after the fields above,
	// as text with units ("200ms", "64MiB"): for configuration files and flags.
	ByName map[string]string
}
