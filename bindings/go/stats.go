package edgecmp

// Stats are the statistics of a cache at one moment: counters since it was
// opened, gauges as they stand. They are read one after another.
//
// A test holds the fields and their tags against core's table of statistics.
type Stats struct {
	// Counter. Reads answered from the cache within their bound, without waiting.
	Hits uint64 `stat:"hits"`
	// Counter. Reads that had to wait for the origin: nothing cached, or nothing
	// proved within the bound.
	Misses uint64 `stat:"misses"`
	// Counter. Reads served past their bound, within outage_bound, because the
	// origin was away.
	DegradedReads uint64 `stat:"degraded_reads"`
	// Counter. Reads that ended in an error.
	FailedReads uint64 `stat:"failed_reads"`
	// Counter. Reads that found an entry past their bound and did not return it.
	BoundViolationsAverted uint64 `stat:"bound_violations_averted"`
	// Counter. Flights started: fetches of one key, alone or in a batch.
	FlightsStarted uint64 `stat:"flights_started"`
	// Counter. Reads that joined a flight that another call had started.
	FlightsJoined uint64 `stat:"flights_joined"`
	// Counter. Requests sent to the origin; a compare of many keys is one.
	OriginRequests uint64 `stat:"origin_requests"`
	// Counter. Keys asked of the origin, alone or in a compare.
	OriginKeys uint64 `stat:"origin_keys"`
	// Counter. Requests to the origin that failed or timed out.
	OriginFailures uint64 `stat:"origin_failures"`
	// Counter. Answers that proved a cached version without sending the value
	// again.
	OriginUnchanged uint64 `stat:"origin_unchanged"`
	// Counter. Requests repeated under the retry budget.
	Retries uint64 `stat:"retries"`
	// Counter. Times the origin's circuit breaker opened.
	BreakerOpened uint64 `stat:"breaker_opened"`
	// Counter. Requests not sent because the breaker was open.
	BreakerRejected uint64 `stat:"breaker_rejected"`
	// Counter. Requests not sent because the queue for the origin was full.
	Overloaded uint64 `stat:"overloaded"`
	// Counter. Keys whose reads said, once a proof, that a refresh is wanted.
	RefreshesAsked uint64 `stat:"refreshes_asked"`
	// Counter. Background refreshes that brought no proof; the value stays.
	RefreshesFailed uint64 `stat:"refreshes_failed"`
	// Counter. Background refreshes dropped because their queue was full.
	RefreshesDropped uint64 `stat:"refreshes_dropped"`
	// Counter. Refreshes of hot keys, begun before a read past refresh_after asked for them.
	Prefetches uint64 `stat:"prefetches"`
	// Counter. Prefetches of keys that nobody had read since they were refreshed before.
	PrefetchesUnread uint64 `stat:"prefetches_unread"`
	// Counter. Leases asked for.
	LeaseAttempts uint64 `stat:"lease_attempts"`
	// Counter. Leases won.
	LeasesWon uint64 `stat:"leases_won"`
	// Counter. Leases held by another node when asked for.
	LeasesLost uint64 `stat:"leases_lost"`
	// Counter. Lease requests that the lease store did not answer in time.
	LeaseFailures uint64 `stat:"lease_failures"`
	// Counter. Leases extended because the origin took its time.
	LeasesExtended uint64 `stat:"leases_extended"`
	// Counter. Keys refreshed without their lease, lost again and again, because reads would have had to wait.
	LeasesForgone uint64 `stat:"leases_forgone"`
	// Counter. Writes and deletes committed by the origin.
	Writes uint64 `stat:"writes"`
	// Counter. Writes and deletes that failed and surely did not happen.
	WritesFailed uint64 `stat:"writes_failed"`
	// Counter. Writes and deletes whose outcome is unknown.
	UnknownOutcomes uint64 `stat:"unknown_outcomes"`
	// Counter. Lower versions accepted because the origin itself went back.
	VersionRegressions uint64 `stat:"version_regressions"`
	// Counter. Answers not installed because a newer version or a fence came
	// before them.
	StaleAnswersDropped uint64 `stat:"stale_answers_dropped"`
	// Counter. Entries evicted to stay within capacity.
	Evictions uint64 `stat:"evictions"`
	// Counter. Entries that left because they were past every bound.
	Expirations uint64 `stat:"expirations"`
	// Counter. Answers returned but not kept: larger than max_value_bytes, or no-
	// store.
	NotKept uint64 `stat:"not_kept"`
	// Gauge. Entries held.
	Entries uint64 `stat:"entries"`
	// Gauge. Bytes held by entries, their overhead included.
	Bytes uint64 `stat:"bytes"`
	// Gauge. Flights in progress.
	FlightsActive uint64 `stat:"flights_active"`
	// Gauge. Circuit breaker of the origin: 0 closed, 1 half-open, 2 open.
	BreakerState uint64 `stat:"breaker_state"`
}

// HitRatio is hits per read answered; 0 before the first read.
func (s *Stats) HitRatio() float64 {
	if s.Hits+s.Misses == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Hits+s.Misses)
}
