import type { Code, TableOptions, TableStatistics } from './tables'

export type { Code, TableOptions, TableStatistics } from './tables'

/** A number of milliseconds, or a number with a unit: `'200ms'`, `'1.5s'` (ns, us, ms, s, m, h, d). */
export type Duration = number | string

/** A number of bytes, or a number with a unit: `'64MiB'` (B, kB, MB, GB, KiB, MiB, GiB). */
export type Size = number | bigint | string

/** A key: text (its UTF-8 form is the key), or bytes. */
export type Key = string | Uint8Array

/** Bytes; text stands for its UTF-8 form. */
export type Bytes = string | Uint8Array

/** What the origin tells a version by: a counter, or the 128 bits of a UUIDv7/ULID. */
export type Version = bigint

/**
 * What a read returns: the value and its receipt. The fields are read when they
 * are asked for; `toJSON` gives them all at once.
 */
export declare class Entry {
  private constructor()
  /** The value, a copy that is yours, made when it is first asked for; `null` if the origin has no such key. */
  readonly value: Buffer | null
  /** Whether the origin has the key. */
  readonly found: boolean
  /** The version of the value; `0n` if the origin never had the key. */
  readonly version: Version
  /** Upper bound on how far behind the origin the value can be, in milliseconds; rounded up to a microsecond. */
  readonly stalenessMs: number
  /** The staleness bound that the read was held to, in milliseconds. */
  readonly boundMs: number
  /** `cache`: the read did not wait. `origin`: it waited for the origin. */
  readonly source: 'cache' | 'origin'
  /** What shows that the value was current; `none` on a degraded answer. */
  readonly proof: 'none' | 'pull' | 'stream'
  /** Served past its bound, within `outageBound`, because the origin is away. */
  readonly degraded: boolean
  /** When the origin last changed the value, if it said. */
  readonly lastModifiedAt: Date | null
  /** All of it as a plain object. */
  toJSON(): EntryFields
}

/** The fields of an entry. */
export type EntryFields = Omit<Entry, 'toJSON'>

/** Options of `lookup`. */
export interface LookupOptions {
  /** Tighter bound for this read; wider only with `widen`. */
  stalenessBound?: Duration | undefined
  /** Lets `stalenessBound` be wider than the cache's. */
  widen?: boolean | undefined
  /** How old a degraded answer may be while the origin is away. */
  outageBound?: Duration | undefined
  /** The answer must be of this version or a later one (read your writes on another node). */
  minVersion?: Version | string | undefined
  /** Longest wait; instead of the cache's `readTimeout`. */
  timeout?: Duration | undefined
  /** W3C trace context, passed to the origin. */
  traceparent?: string | undefined
}

/** Options of `get`. */
export interface ReadOptions extends LookupOptions {
  /** Gives up the wait: the promise rejects with an `AbortError` at once. */
  signal?: AbortSignal | undefined
}

/** Options of `getMany`. */
export interface ReadManyOptions extends ReadOptions {
  /** A key that fails gives an error in its place, instead of failing the call. */
  partial?: boolean | undefined
}

/** Options of `set` and `delete`. */
export interface WriteOptions {
  /** A retry of a write with `UNKNOWN_OUTCOME` gives the error's key here. */
  idempotencyKey?: string | undefined
  /** Write only if this version is current; else `CONFLICT`. */
  ifVersion?: Version | string | undefined
  /** Longest wait; instead of the cache's `writeTimeout`. */
  timeout?: Duration | undefined
  /** W3C trace context, passed to the origin. */
  traceparent?: string | undefined
  /** Gives up the wait, not the write: its outcome is then unknown. */
  signal?: AbortSignal | undefined
}

/** What a write returns once the origin has committed it. */
export interface WriteReceipt {
  /** The version of the write; `0n` if the origin said none. */
  readonly version: Version
  /** The idempotency key under which the write was sent. */
  readonly idempotencyKey: string
}

/** What a loader is told beside the key. */
export interface LoadContext {
  /** The version that the cache holds: if it is current, `{ unchanged: true }` will do. */
  readonly version?: Version
  /** Fires when the cache no longer waits for the answer. */
  readonly signal: AbortSignal
  /** W3C trace context of the read. */
  readonly traceparent?: string
}

/** A version as a loader or writer may give it. */
export type LoadedVersion = bigint | number | string

/** What a loader returns: the value, `null` if there is no such key, with a version if there is one. */
export type Loaded =
  | Bytes
  | null
  | { value: Bytes | null; version?: LoadedVersion | undefined }
  | { unchanged: true }

/**
 * The origin as a function, called on the event loop of the environment that
 * opened the cache. The key is a string, or a `Buffer` if its bytes are not
 * UTF-8. An exception is `ORIGIN_UNAVAILABLE`; with a `code` of
 * `ORIGIN_PROTOCOL`, `ORIGIN_REJECTED` or `UNSUPPORTED`, that.
 */
export type Loader = (key: string | Buffer, context: LoadContext) => Loaded | Promise<Loaded>

/** What a writer is told beside key and value. */
export interface WriteContext {
  /** A second call with the same key must not write again. */
  readonly idempotencyKey: string
  /** Write only if this version is current; else throw an error with `code` `CONFLICT`. */
  readonly ifVersion?: Version
  /** Fires when the cache no longer waits: the outcome is then unknown to it. */
  readonly signal: AbortSignal
  /** W3C trace context of the write. */
  readonly traceparent?: string
}

/** What a writer returns: the version of the write, if there are versions. */
export type Written = LoadedVersion | { version?: LoadedVersion | undefined } | null | undefined | void

/** The writing half of a loader; it returns only after the commit. */
export interface Writer {
  set(key: string | Buffer, value: Buffer, context: WriteContext): Written | Promise<Written>
  delete(key: string | Buffer, context: WriteContext): Written | Promise<Written>
}

/** Options of the constructor: core's table, and these. */
export interface CacheOptions extends TableOptions {
  /** Shares one cache among all worker threads of the process that open this name. */
  name?: string | undefined
  /** The origin as a function, in place of `origin`. */
  loader?: Loader | undefined
  /** Takes the writes, beside `loader`. */
  writer?: Writer | undefined
}

/** The statistics of a cache. */
export interface Statistics extends TableStatistics {
  /** hits / (hits + misses); 0 before the first read. */
  readonly hitRatio: number
}

/**
 * A cache in this process with a hard bound on how far behind its origin a
 * read may be. Belongs to the environment (main thread or worker) that made
 * it; with a `name`, the cache behind it is shared by all.
 *
 * Methods that return a promise reject, and the others throw: an
 * `EdgecmpError` with a `code`, or a `TypeError` for a wrong type.
 */
export declare class Cache {
  constructor(options: CacheOptions)
  /** What is cached within the bound, without waiting and without asking the origin; else `null`. */
  lookup(key: Key, options?: LookupOptions): Entry | null
  /** Reads a key: from the cache if it is within the bound, else from the origin. */
  get(key: Key, options?: ReadOptions): Promise<Entry>
  /** Reads many keys, misses in as few requests as the origin allows. In order of the keys. */
  getMany(keys: Iterable<Key>, options: ReadManyOptions & { partial: true }): Promise<(Entry | EdgecmpError)[]>
  getMany(keys: Iterable<Key>, options?: ReadManyOptions & { partial?: false | undefined }): Promise<Entry[]>
  /** Writes through: resolves once the origin has committed. */
  set(key: Key, value: Bytes, options?: WriteOptions): Promise<WriteReceipt>
  /** Deletes: resolves once the origin has committed. */
  delete(key: Key, options?: WriteOptions): Promise<WriteReceipt>
  /** The next read of the key asks the origin. */
  invalidate(key: Key): void
  /** Statistics since the cache was opened. */
  stats(): Statistics
  /** The statistics as Prometheus text. */
  metricsText(): string
  /** Whether `close` was called. */
  readonly closed: boolean
  /**
   * Closes the cache: later calls end with `CLOSED`, and so do reads that wait.
   * Waits at most `timeout` (5 s) for writes in progress: `true` unless
   * something still runs then. A shared cache ends with its last share; until
   * then calls in progress go on.
   */
  close(options?: { timeout?: Duration | undefined }): Promise<boolean>
  /** For `await using`: `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A call that failed. */
export declare class EdgecmpError extends Error {
  private constructor()
  readonly name: 'EdgecmpError'
  /** Why. */
  readonly code: Code
  /** Whether the same call may succeed later. */
  readonly retriable: boolean
  /** After `UNKNOWN_OUTCOME`: the key with which a retry of the write is safe. */
  readonly idempotencyKey?: string
}

/** The call's `AbortSignal` fired; its reason is the `cause`. */
export declare class AbortError extends Error {
  private constructor()
  readonly name: 'AbortError'
  readonly code: 'ABORT_ERR'
}
