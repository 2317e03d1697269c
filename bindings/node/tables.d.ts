// Written by scripts/types.js from core's tables: do not edit.

import type { Duration, Size } from './index'

/** The options of core's table. */
export interface TableOptions {
  /** Where the origin is: `memory:`, `http://host/path/{key}` or `https://host/path/{key}`. A host-language origin is given by its own call instead. */
  origin?: string | undefined
  /** The hard bound: no read returns a value that may be further behind the origin. Default 1s, from 1ms to 365d. */
  stalenessBound?: Duration | undefined
  /** Tighter or wider bounds by key prefix, such as `prices/=50ms,static/=10s`; the longest prefix that fits counts. A per-read bound may only tighten unless it says otherwise. */
  prefixBounds?: string | Record<string, Duration> | undefined
  /** Age at which a read starts a background refresh; hot keys are refreshed just before it, the first time up to a third of it before. `0s`: as late as it can be in time for stalenessBound, by how long refreshes take. As much as stalenessBound: never. Scales with the bound of prefix and entry. Default 0s, from 0s to 365d. */
  refreshAfter?: Duration | undefined
  /** From which access rate on a key is hot, so that it is refreshed before a read has to ask: a rate such as `0.5/s`, `adaptive` (one read within its bound: a refresh saves as many waiting reads as it costs keys asked), or `off`. Default adaptive. */
  prefetchThreshold?: string | undefined
  /** Half-life of what is known of a key's access rate; at least four of the key's bounds. Default 10s, from 1ms to 365d. */
  prefetchHalfLife?: Duration | undefined
  /** Keys asked of the origin for 100 asked in all that no read has wanted since they were asked before. Default 10, from 0 to 100. */
  prefetchBudgetPercent?: number | bigint | undefined
  /** Keys whose access rates are known at once, in some 200 bytes each beside capacity. Others are refreshed in time whenever they were read in the second half of their age. Default 16384, from 0 to 10000000. */
  prefetchKeys?: number | bigint | undefined
  /** How old a degraded answer may be while the origin is away (RFC 5861 stale-if-error); `0s`: never. Default 0s, from 0s to 365d. */
  outageBound?: Duration | undefined
  /** Bound for negative entries (the origin has no such key); `0s` stands for stalenessBound. Default 0s, from 0s to 365d. */
  negativeBound?: Duration | undefined
  /** How long an entry that is past every bound stays, so that the origin can be asked to compare it instead of sending it again, and for reads that widen their bound or name an outageBound of their own, which get no more than this beyond the bounds of the cache; then it leaves by itself. Default 10s, from 0s to 365d. */
  keepExpired?: Duration | undefined
  /** Allowance for the drift of the local clock, added to every age, in parts per million. Default 500, from 0 to 100000. */
  clockDriftPpm?: number | bigint | undefined
  /** Bytes that all entries with all their overhead may take. Default 64MiB, from 64KiB to 1024GiB. */
  capacity?: Size | undefined
  /** Longest key, in bytes. Default 1024, from 1 to 65535. */
  maxKeyBytes?: Size | undefined
  /** Largest value kept or written; a larger one is returned but not kept, as is one that alone exceeds capacity. Default 1MiB, from 1 to 1GiB. */
  maxValueBytes?: Size | undefined
  /** Largest answer read from the origin; a larger one is an error. Default 16MiB, from 1KiB to 2GiB. */
  maxResponseBytes?: Size | undefined
  /** Largest header section of an answer of the origin. Default 64KiB, from 8KiB to 1MiB. */
  maxHeaderBytes?: Size | undefined
  /** Longest wait of a read, unless the read says otherwise. Default 1s, from 1ms to 1h. */
  readTimeout?: Duration | undefined
  /** Longest wait of a write or delete, unless the call says otherwise. Default 5s, from 1ms to 1h. */
  writeTimeout?: Duration | undefined
  /** Longest wait for one answer of the origin. Default 1s, from 1ms to 1h. */
  originTimeout?: Duration | undefined
  /** Longest wait for a connection to the origin. Default 500ms, from 1ms to 1h. */
  connectTimeout?: Duration | undefined
  /** Requests to the origin in progress at once. Default 32, from 1 to 10000. */
  originConcurrency?: number | bigint | undefined
  /** Requests that may wait for a free place to the origin; more fail with OVERLOADED. Default 1024, from 0 to 1000000. */
  originQueue?: number | bigint | undefined
  /** Reads that may wait for one key; more fail with OVERLOADED. Default 100000, from 1 to 10000000. */
  maxWaiters?: number | bigint | undefined
  /** Keys asked in one compare request. Default 256, from 1 to 1024. */
  compareBatch?: number | bigint | undefined
  /** Bearer token sent to the origin (`Authorization: Bearer ...`). */
  originBearerToken?: string | undefined
  /** File with PEM certificates that an https origin may be signed by, beside the public ones. */
  originCaFile?: string | undefined
  /** Failures in a row that open the circuit breaker; `0`: no breaker. Default 5, from 0 to 1000000. */
  breakerFailures?: number | bigint | undefined
  /** How long the breaker stays open before a probe, and between probes; each time up to a quarter longer, drawn, and by half where the origin went away again just after its return. Default 1s, from 1ms to 1h. */
  breakerCooldown?: Duration | undefined
  /** How far the breaker looks back for the shares of failed and of slow requests. Default 10s, from 100ms to 1h. */
  breakerWindow?: Duration | undefined
  /** Requests within breakerWindow below which their shares open nothing. Default 20, from 1 to 1000000. */
  breakerMinCalls?: number | bigint | undefined
  /** Share of failed requests within breakerWindow, in percent, that opens the breaker. Default 50, from 1 to 100. */
  breakerFailurePercent?: number | bigint | undefined
  /** A request that takes longer is slow, whatever its answer; `0s`: none is. Default 0s, from 0s to 1h. */
  breakerSlowCall?: Duration | undefined
  /** Share of slow requests within breakerWindow, in percent, that opens the breaker. Default 80, from 1 to 100. */
  breakerSlowPercent?: number | bigint | undefined
  /** How long requests are held back after an outage: from a fifth of the rate before it up to all of it, and then doubling for as long as they queue; `0s`: not at all. Default 2s, from 0s to 1h. */
  breakerRamp?: Duration | undefined
  /** Longest wait of a miss for others to be asked with it in one compare, while requests of other reads are in progress; at most half of what a request takes. `0s`: none. Default 20ms, from 0s to 1s. */
  gatherWait?: Duration | undefined
  /** Retries of one fetch, under the retry budget. Default 2, from 0 to 10. */
  retryLimit?: number | bigint | undefined
  /** Retries allowed for 100 requests (the retry budget). Default 10, from 0 to 100. */
  retryBudgetPercent?: number | bigint | undefined
  /** First wait of the backoff (retries, lost leases); grows by 1.2 an attempt, jittered. Default 10ms, from 1ms to 1m. */
  backoffBase?: Duration | undefined
  /** Longest wait of the backoff. Default 1s, from 1ms to 1h. */
  backoffCap?: Duration | undefined
  /** Where leases are kept: `embedded:` (this cache), `embedded:<name>` (all caches of the process with that name), `redis://host:port/database`, or `etcd://host:port,host:port`; `rediss://` and `etcds://` with TLS. Default embedded:. */
  leaseStore?: string | undefined
  /** User of the lease store. */
  leaseStoreUser?: string | undefined
  /** Password of the lease store. */
  leaseStorePassword?: string | undefined
  /** File with PEM certificates that the lease store's certificate must be signed by, instead of the public ones. */
  leaseStoreCaFile?: string | undefined
  /** File with the PEM certificate that this node shows to the lease store. */
  leaseStoreCertFile?: string | undefined
  /** File with the PEM key of that certificate. */
  leaseStoreKeyFile?: string | undefined
  /** What the names of all leases in Redis or etcd begin with. The same on all nodes of a fleet, and another one for each fleet that shares the store. Default lease/cache/. */
  leasePrefix?: string | undefined
  /** How keys share refresh leases: a number of slots, each for the keys whose hash falls into it, or `per_key`. The same on all nodes of a fleet. Default 1024. */
  leaseSlots?: string | undefined
  /** How long a refresh lease holds unless it is released. Default 2s, from 10ms to 1h. */
  leaseTtl?: Duration | undefined
  /** Longest wait for the lease store; without its answer the refresh goes on. Default 50ms, from 1ms to 1m. */
  leaseTimeout?: Duration | undefined
  /** Refreshes that may wait to be done, those of keys beyond prefetchKeys that are not yet due included. Default 65536, from 1 to 10000000. */
  refreshQueue?: number | bigint | undefined
  /** Threads that call a blocking origin of the host: a C callback, a plain Python loader. Default 4, from 1 to 256. */
  loaderThreads?: number | bigint | undefined
  /** Seed of all random draws; `0`: a different one each time. Default 0, from 0 to 18446744073709551615. */
  seed?: number | bigint | undefined
}

/** Why a call failed. */
export type Code =
  /** An argument or an option's value is outside what is allowed; the message names the field, the value and the range. Not retriable. */
  | 'INVALID_ARGUMENT'
  /** No option has this name. Not retriable. */
  | 'UNKNOWN_OPTION'
  /** The cache was closed. Not retriable. */
  | 'CLOSED'
  /** The process forked since the cache was opened and this cache can't reopen itself: open a new one in the child. Not retriable. */
  | 'FORKED'
  /** The origin, or this build, does not do what was asked (a write to a read-only origin, for instance). Not retriable. */
  | 'UNSUPPORTED'
  /** The deadline of the call ended first; the message says what it was waiting for. Retriable. */
  | 'DEADLINE_EXCEEDED'
  /** The caller gave up the call. Retriable. */
  | 'CANCELLED'
  /** Too many calls are already waiting for the origin or for one key. Retriable. */
  | 'OVERLOADED'
  /** The origin could not be reached, broke the connection, or answered 429 or 5xx. Retriable. */
  | 'ORIGIN_UNAVAILABLE'
  /** The circuit breaker is open: the origin failed often enough not to be asked now. Retriable. */
  | 'BREAKER_OPEN'
  /** The origin answered what the origin protocol does not allow, or more than `maxResponseBytes`. Not retriable. */
  | 'ORIGIN_PROTOCOL'
  /** The origin refused the request (a 4xx other than 404, 410, 412, 429). Not retriable. */
  | 'ORIGIN_REJECTED'
  /** The origin answered, but with what is too old: past the staleness bound, or from before a write. Retriable. */
  | 'TOO_STALE'
  /** The origin's present version is lower than the read's `min_version`. Retriable. */
  | 'VERSION_NOT_REACHED'
  /** The write may or may not have happened: retry it with the idempotency key that the error carries. Retriable. */
  | 'UNKNOWN_OUTCOME'
  /** The write's `if_version` is not the present version; nothing was written. Not retriable. */
  | 'CONFLICT'
  /** A defect of edgecmp: a panic was caught at the boundary. Please report it. Not retriable. */
  | 'INTERNAL'

/** The statistics of core's table, at one moment. */
export interface TableStatistics {
  /** Reads answered from the cache within their bound, without waiting. (counter) */
  readonly hits: number
  /** Reads that had to wait for the origin: nothing cached, or nothing proved within the bound. (counter) */
  readonly misses: number
  /** Reads served past their bound, within outageBound, because the origin was away. (counter) */
  readonly degradedReads: number
  /** Reads that ended in an error. (counter) */
  readonly failedReads: number
  /** Reads that found an entry past their bound and did not return it. (counter) */
  readonly boundViolationsAverted: number
  /** Flights started: fetches of one key, alone or in a batch. (counter) */
  readonly flightsStarted: number
  /** Reads that joined a flight that another call had started. (counter) */
  readonly flightsJoined: number
  /** Requests sent to the origin; a compare of many keys is one. (counter) */
  readonly originRequests: number
  /** Keys asked of the origin, alone or in a compare. (counter) */
  readonly originKeys: number
  /** Requests to the origin that failed or timed out. (counter) */
  readonly originFailures: number
  /** Answers that proved a cached version without sending the value again. (counter) */
  readonly originUnchanged: number
  /** Requests repeated under the retry budget. (counter) */
  readonly retries: number
  /** Times the origin's circuit breaker opened. (counter) */
  readonly breakerOpened: number
  /** Requests not sent because the breaker was open. (counter) */
  readonly breakerRejected: number
  /** Requests not sent because the queue for the origin was full. (counter) */
  readonly overloaded: number
  /** Keys whose reads said, once a proof, that a refresh is wanted; of a key whose rate is not known, the second read as well. (counter) */
  readonly refreshesAsked: number
  /** Background refreshes that brought no proof; the value stays. (counter) */
  readonly refreshesFailed: number
  /** Background refreshes dropped because their queue was full. (counter) */
  readonly refreshesDropped: number
  /** Refreshes of hot keys, begun before a read past refreshAfter asked for them. (counter) */
  readonly prefetches: number
  /** Prefetches of keys that nobody had read since they were refreshed before. (counter) */
  readonly prefetchesUnread: number
  /** Leases asked for. (counter) */
  readonly leaseAttempts: number
  /** Leases won. (counter) */
  readonly leasesWon: number
  /** Leases held by another node when asked for. (counter) */
  readonly leasesLost: number
  /** Lease requests that the lease store did not answer in time. (counter) */
  readonly leaseFailures: number
  /** Leases extended because the origin took its time. (counter) */
  readonly leasesExtended: number
  /** Keys refreshed without their lease, lost again and again, because reads would have had to wait. (counter) */
  readonly leasesForgone: number
  /** Writes and deletes committed by the origin. (counter) */
  readonly writes: number
  /** Writes and deletes that failed and surely did not happen. (counter) */
  readonly writesFailed: number
  /** Writes and deletes whose outcome is unknown. (counter) */
  readonly unknownOutcomes: number
  /** Lower versions accepted because the origin itself went back. (counter) */
  readonly versionRegressions: number
  /** Answers not installed because a newer version or a fence came before them. (counter) */
  readonly staleAnswersDropped: number
  /** Entries evicted to stay within capacity. (counter) */
  readonly evictions: number
  /** Entries that left because they were past every bound. (counter) */
  readonly expirations: number
  /** Answers returned but not kept: larger than maxValueBytes, or no-store. (counter) */
  readonly notKept: number
  /** Entries held. (gauge) */
  readonly entries: number
  /** Bytes held by entries, their overhead included. (gauge, By) */
  readonly bytes: number
  /** Flights in progress. (gauge) */
  readonly flightsActive: number
  /** Circuit breaker of the origin: 0 closed, 1 half-open, 2 open. (gauge) */
  readonly breakerState: number
}
