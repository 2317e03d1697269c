'use strict'

// Loaders and writers: an origin that is a function of this environment.
//
// An exception becomes ORIGIN_UNAVAILABLE with its message, unless it carries
// the `code` of another failure of an origin.

const { isUint8Array } = require('node:util').types // of any realm
const native = require('./native.js')

/** Codes that a loader or writer may choose by an error's `code`. */
const ORIGIN_CODES = new Set(['ORIGIN_UNAVAILABLE', 'ORIGIN_PROTOCOL', 'ORIGIN_REJECTED', 'CONFLICT', 'UNSUPPORTED'])

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** By the id that the addon knows. */
const loaders = new Map()
let lastId = 0

/** Keeps a loader; returns its id. */
function keep(loader, writer) {
  loaders.set(++lastId, { loader, writer })
  return lastId
}

function drop(id) {
  loaders.delete(id)
}

/** Answers the call that waits to be taken. Never throws or rejects. */
async function serve(environment, id) {
  const load = native.takeLoad(environment)
  try {
    const origin = loaders.get(id)
    if (origin === undefined) throw new Error('the cache that the loader belongs to was closed')
    if (load.operation === 'fetch') await fetch(environment, load, origin.loader)
    else if (load.operation === 'set' || load.operation === 'delete') await write(environment, load, origin.writer)
    else throw Object.assign(new Error('the loader is asked for what it does not know'), { code: 'UNSUPPORTED' })
  } catch (error) {
    native.answerFailure(environment, load.call, codeOf(error), messageOf(error))
  }
}

async function fetch(environment, load, loader) {
  const context = new Context(load)
  if (load.version !== undefined) context.version = BigInt(load.version)
  const answer = await loader(keyOf(load.key), context)
  if (answer === null) {
    native.answerAbsent(environment, load.call)
  } else if (typeof answer === 'string' || isUint8Array(answer)) {
    native.answerValue(environment, load.call, bytesOf(answer))
  } else if (typeof answer !== 'object') {
    throw protocol(`the loader returned ${typeof answer}; allowed: a string, a Uint8Array, null (no such key), or an object with them as value and a version`)
  } else if (answer.unchanged === true) {
    native.answerUnchanged(environment, load.call)
  } else if (answer.value === null) {
    native.answerAbsent(environment, load.call, versionOf(answer.version))
  } else if (typeof answer.value === 'string' || isUint8Array(answer.value)) {
    native.answerValue(environment, load.call, bytesOf(answer.value), versionOf(answer.version))
  } else {
    throw protocol("the loader's object has no value: allowed: a string, a Uint8Array or null")
  }
}

async function write(environment, load, writer) {
  const context = new Context(load)
  context.idempotencyKey = load.idempotencyKey
  if (load.ifVersion !== undefined) context.ifVersion = BigInt(load.ifVersion)
  const key = keyOf(load.key)
  const answer = await (load.operation === 'set' ? writer.set(key, load.value, context) : writer.delete(key, context))
  const version = answer !== null && typeof answer === 'object' ? answer.version : answer
  native.answerWritten(environment, load.call, versionOf(version ?? undefined))
}

/** What a loader or writer is told beside the key. */
class Context {
  #timeoutMs
  #asked = performance.now()
  #signal

  constructor({ timeoutMs, traceparent }) {
    this.#timeoutMs = timeoutMs
    if (traceparent !== undefined) this.traceparent = traceparent
  }

  // Made when it is asked for: most loaders do not use it, and a timer costs
  // more than the call.
  get signal() {
    const left = Math.ceil(this.#timeoutMs - (performance.now() - this.#asked))
    return (this.#signal ??= AbortSignal.timeout(Math.max(0, left)))
  }
}

/** A string, unless the key's bytes are not UTF-8. */
function keyOf(bytes) {
  try {
    return UTF8.decode(bytes)
  } catch {
    return bytes
  }
}

const bytesOf = (value) => (typeof value === 'string' ? Buffer.from(value) : value)

function versionOf(version) {
  if (version === undefined) return undefined
  if (typeof version === 'bigint' || typeof version === 'string' || Number.isSafeInteger(version)) return String(version)
  throw protocol(`the version is ${typeof version} ${String(version)}; allowed: a bigint, a safe integer, or a string`)
}

const protocol = (message) => Object.assign(new Error(message), { code: 'ORIGIN_PROTOCOL' })

// Anything can be thrown, even what cannot be looked at or printed.
function codeOf(error) {
  try {
    const { code } = error
    if (ORIGIN_CODES.has(code)) return code
  } catch {
    // null and undefined, and getters that throw.
  }
  return 'ORIGIN_UNAVAILABLE'
}

function messageOf(error) {
  try {
    return String(error?.message ?? error)
  } catch {
    return 'the loader threw a value that has no text'
  }
}

module.exports = { drop, keep, serve }
