'use strict'

const native = require('./native.js')
const pages = require('./pages.js')
const environment = require('./environment.js')
const loaders = require('./loaders.js')
const { camel } = require('./names.js')
const { AbortError, EdgecmpError, fromNative, wrongType } = require('./errors.js')
const { cacheSettings, durationOf, readArguments, signalOf, writeArguments } = require('./options.js')

// The hot ones by themselves: the addon's exports are a dictionary to V8.
const { lookup, get, getMany } = native

const STATISTICS = native.statisticTable().map(({ name }) => camel(name))

/** The handle of a closed cache, in every environment. */
const CLOSED = 0

/** How long `close` waits for what is in progress. */
const CLOSE_TIMEOUT = '5s'

// A cache that nobody refers to any more, and that nobody closed.
const unclosed = new FinalizationRegistry(({ handle, loader }) => {
  native.release(environment.number, handle)
  pages.forget()
  loaders.drop(loader)
})

/**
 * A cache with a hard bound on how far behind the origin a read may be.
 * Each method is documented in index.d.ts.
 */
class Cache {
  #handle = CLOSED
  #loader
  #closing
  #numbers = new pages.Numbers()

  constructor(options) {
    if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options)
    const { name, loader, writer, ...rest } = options
    if (name !== undefined && (typeof name !== 'string' || name === '')) throw wrongType('name', 'a string that is not empty', name)
    checkLoader(loader, writer, rest.origin)
    const settings = cacheSettings(rest)
    if (loader !== undefined) this.#loader = loaders.keep(loader, writer)
    const route = loader === undefined ? undefined : { id: this.#loader, writable: writer !== undefined }
    try {
      this.#handle = native.open(environment.number, name, settings, route)
    } catch (error) {
      loaders.drop(this.#loader)
      throw fromNative(error)
    }
    unclosed.register(this, { handle: this.#handle, loader: this.#loader }, this)
  }

  lookup(key, options) {
    if (options === undefined) {
      const entry = this.#numbers.again(key)
      if (entry !== undefined) return entry
    }
    let outcome
    try {
      const read = options === undefined ? undefined : readArguments(options, [])
      outcome =
        read === undefined
          ? lookup(environment.number, this.#handle, key)
          : lookup(environment.number, this.#handle, key, read)
    } catch (error) {
      throw fromNative(error)
    }
    if (outcome === pages.MISS) return null
    const entry = environment.entry(outcome)
    if (options === undefined) this.#numbers.note(key, outcome)
    return entry
  }

  get(key, options) {
    if (options === undefined) {
      const entry = this.#numbers.again(key)
      if (entry !== undefined) return Promise.resolve(entry)
    }
    try {
      const signal = signalOf(options)
      if (signal?.aborted) return Promise.reject(new AbortError(signal.reason))
      const read = options === undefined ? undefined : readArguments(options)
      const outcome =
        read === undefined
          ? get(environment.number, this.#handle, key)
          : get(environment.number, this.#handle, key, read)
      if (outcome === pages.PENDING) return environment.wait(this, signal)
      const entry = environment.entry(outcome)
      if (options === undefined) this.#numbers.note(key, outcome)
      return Promise.resolve(entry)
    } catch (error) {
      return Promise.reject(fromNative(error))
    }
  }

  async getMany(keys, options) {
    const signal = signalOf(options)
    if (signal?.aborted) throw new AbortError(signal.reason)
    const read = options === undefined ? undefined : readArguments(options, ['signal', 'partial'])
    const partial = options?.partial ?? false
    if (typeof partial !== 'boolean') throw wrongType('partial', 'a boolean', partial)
    if (typeof keys?.[Symbol.iterator] !== 'function' || typeof keys === 'string') {
      throw wrongType('keys', 'an array of keys', keys)
    }
    let count
    try {
      count =
        read === undefined
          ? getMany(environment.number, this.#handle, [...keys])
          : getMany(environment.number, this.#handle, [...keys], read)
    } catch (error) {
      throw fromNative(error)
    }
    const rows = count === pages.PENDING ? await environment.wait(this, signal) : environment.rows(count)
    if (!partial) {
      const failed = rows.find((row) => row instanceof EdgecmpError)
      if (failed !== undefined) throw failed
    }
    return rows
  }

  async set(key, value, options) {
    return this.#write(options, (write) =>
      native.set(environment.number, this.#handle, key, typeof value === 'string' ? utf8(value) : value, write),
    )
  }

  async delete(key, options) {
    return this.#write(options, (write) => native.delete(environment.number, this.#handle, key, write))
  }

  #write(options, start) {
    const signal = signalOf(options)
    if (signal?.aborted) throw new AbortError(signal.reason)
    const write = options === undefined ? undefined : writeArguments(options)
    try {
      start(write)
    } catch (error) {
      throw fromNative(error)
    }
    return environment.wait(this, signal)
  }

  invalidate(key) {
    try {
      native.invalidate(environment.number, this.#handle, key)
    } catch (error) {
      throw fromNative(error)
    }
  }

  stats() {
    try {
      const values = native.statistics(environment.number, this.#handle)
      const stats = Object.fromEntries(STATISTICS.map((name, i) => [name, values[i]]))
      const reads = stats.hits + stats.misses
      stats.hitRatio = reads === 0 ? 0 : stats.hits / reads
      return stats
    } catch (error) {
      throw fromNative(error)
    }
  }

  metricsText() {
    try {
      return native.metricsText(environment.number, this.#handle)
    } catch (error) {
      throw fromNative(error)
    }
  }

  get closed() {
    return this.#handle === CLOSED
  }

  async close(options) {
    const timeout = options?.timeout === undefined ? CLOSE_TIMEOUT : durationOf('timeout', options.timeout)
    if (this.#closing === undefined) {
      try {
        native.close(environment.number, this.#handle, timeout)
        pages.forget()
      } catch (error) {
        throw fromNative(error)
      }
      this.#closing = this.#ended()
    }
    return this.#closing
  }

  async #ended() {
    this.#handle = CLOSED
    unclosed.unregister(this)
    try {
      return await environment.wait(this)
    } finally {
      loaders.drop(this.#loader)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }
}

function checkLoader(loader, writer, origin) {
  if (loader !== undefined && typeof loader !== 'function') throw wrongType('loader', 'a function', loader)
  if (loader !== undefined && origin !== undefined) {
    throw new EdgecmpError('INVALID_ARGUMENT', 'loader: got a function and an origin; allowed: one of them')
  }
  if (writer === undefined) return
  if (loader === undefined) throw new EdgecmpError('INVALID_ARGUMENT', 'writer: got a writer without a loader; allowed: both')
  if (typeof writer?.set !== 'function' || typeof writer.delete !== 'function') {
    throw wrongType('writer', 'an object with the functions set and delete', writer)
  }
}

function utf8(text) {
  if (!text.isWellFormed()) {
    throw new EdgecmpError('INVALID_ARGUMENT', 'value: got a string with a lone surrogate; allowed: text that has a UTF-8 form, or a Uint8Array')
  }
  return Buffer.from(text)
}

module.exports = { Cache }
