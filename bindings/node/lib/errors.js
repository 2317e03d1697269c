'use strict'

// The errors of the package. Codes and whether they are retriable come from
// core's table.

const native = require('./native.js')
const { camel } = require('./names.js')

const RETRIABLE = new Map(native.codeTable().map(({ name, retriable }) => [name, retriable]))

// Option names that read differently here: messages of core say `staleness_bound`.
const SNAKE_NAMES = native.optionTable().map(({ name }) => name).filter((name) => name.includes('_'))
const SNAKE = new RegExp(`\\b(?:${SNAKE_NAMES.join('|')})\\b`, 'g')

const readable = (message) => message.replace(SNAKE, camel)

/** A call that failed, with a `code` of core's table. */
class EdgecmpError extends Error {
  constructor(code, message, idempotencyKey) {
    super(readable(message))
    this.code = code
    this.retriable = RETRIABLE.get(code) ?? false
    if (idempotencyKey !== undefined) this.idempotencyKey = idempotencyKey
  }
}
// On the prototype, so that it is not printed beside the stack.
Object.defineProperty(EdgecmpError.prototype, 'name', { value: 'EdgecmpError', configurable: true, writable: true })

/** The caller's AbortSignal fired; like the errors of Node's own calls. */
class AbortError extends Error {
  constructor(reason) {
    super('The operation was aborted', { cause: reason })
    this.code = 'ABORT_ERR'
  }
}
Object.defineProperty(AbortError.prototype, 'name', { value: 'AbortError', configurable: true, writable: true })

/** An argument of the wrong JavaScript type. */
function wrongType(field, allowed, got) {
  return typeError(`${field}: got ${describe(got)}; allowed: ${allowed}`)
}

function typeError(message) {
  const error = new TypeError(message)
  error.code = 'INVALID_ARGUMENT'
  error.retriable = false
  return error
}

function describe(value) {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'object') return value.constructor?.name ?? 'an object'
  return typeof value === 'string' ? JSON.stringify(value).slice(0, 80) : `${typeof value} ${String(value).slice(0, 80)}`
}

/** What a call into the addon threw, as the package shows it. */
function fromNative(error) {
  // Our own checks throw beside the addon.
  if (error instanceof EdgecmpError || error instanceof TypeError) return error
  if (error.code === 'WRONG_TYPE') return typeError(error.message)
  if (RETRIABLE.has(error.code)) return new EdgecmpError(error.code, error.message)
  return error
}

module.exports = { AbortError, EdgecmpError, fromNative, typeError, wrongType }
