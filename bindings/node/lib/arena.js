'use strict'

// The arena: memory in which the addon hands an answer over. The layout is
// that of src/arena.rs. Reading typed arrays costs a few nanoseconds; a Buffer
// or an object made through Node-API costs several hundred.

const native = require('./native.js')
const { Entry } = require('./entry.js')

const WORDS = 16
const VALUE = WORDS * 8
const CAPACITY = 64 * 1024

const ID = 0
const STALENESS_MS = 1
const BOUND_MS = 2
const SOURCE = 3
const PROOF = 4
const DEGRADED = 5
const LAST_MODIFIED_AT = 6
const VERSION_LOW = 7
const VERSION_HIGH = 8

/** What a read returns in place of a length. */
const ABSENT = -1
const MISS = -2
const PENDING = -3
const FAILED = -4

const memory = new ArrayBuffer(VALUE + CAPACITY)
const bytes = Buffer.from(memory)
const numbers = new Float64Array(memory, 0, WORDS)
const words = new BigUint64Array(memory, 0, WORDS)

const id = () => numbers[ID]

function version() {
  const high = words[VERSION_HIGH]
  return high === 0n ? words[VERSION_LOW] : (high << 64n) | words[VERSION_LOW]
}

/** The entry whose value has this length, or that is ABSENT. */
function entry(environment, length) {
  const lastModifiedAt = numbers[LAST_MODIFIED_AT]
  return new Entry(
    length === ABSENT ? null : value(environment, length),
    version(),
    numbers[STALENESS_MS],
    numbers[BOUND_MS],
    numbers[SOURCE],
    numbers[PROOF],
    numbers[DEGRADED] === 1,
    lastModifiedAt === lastModifiedAt ? new Date(lastModifiedAt) : null, // NaN: the origin did not say
  )
}

// The caller owns the value and may change it: it is a copy.
function value(environment, length) {
  if (length > CAPACITY) {
    const large = Buffer.allocUnsafeSlow(length)
    native.copyValue(environment, large)
    return large
  }
  const copy = Buffer.allocUnsafe(length)
  bytes.copy(copy, 0, VALUE, VALUE + length)
  return copy
}

module.exports = { ABSENT, FAILED, MISS, PENDING, bytes, entry, id, version }
