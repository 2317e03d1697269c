'use strict'

const { inspect } = require('node:util')
const { versionOf } = require('./arena.js')

// A row of a page, as in src/page.rs: words of 8 bytes, then the value.
const SHAPE = 0
const STALENESS = 1
const BOUND_MS = 2
const LAST_MODIFIED_AT = 3
const VERSION_LOW = 4
const VERSION_HIGH = 5
const HEADER = 6

const ABSENT = -1
const FROM_ORIGIN = 1
const DEGRADED = 2
const PROOF_SHIFT = 2

const PROOFS = ['none', 'pull', 'stream']

/** Where an answer is: all of it that never changes. Several entries may have it. */
class Row {
  /** `value`: the Buffer of the one entry that has this row, if it has it already. */
  constructor(page, at, value) {
    this.page = page
    this.at = at
    this.value = value
  }

  /** The length of the value, or ABSENT. */
  get length() {
    return this.page.shapes[(this.at + SHAPE) * 2]
  }

  get flags() {
    return this.page.shapes[(this.at + SHAPE) * 2 + 1]
  }

  /** Of the read for which it was written, in microseconds. */
  get staleness() {
    return this.page.numbers[this.at + STALENESS]
  }

  number(word) {
    return this.page.numbers[this.at + word]
  }

  /** The same with a copy of the value, for one entry. */
  withValue() {
    return new Row(this.page, this.at, this.length === ABSENT ? null : this.#copy())
  }

  #copy() {
    const { length } = this
    const from = (this.at + HEADER) * 8
    const copy = Buffer.allocUnsafe(length)
    copy.set(this.page.bytes.subarray(from, from + length))
    return copy
  }
}

/**
 * What a read returns: the value and its receipt. It reads its row when it is
 * asked: most reads want a part of it. One is made for each hit: what it is made
 * of is what JavaScript's part of a hit costs, most of all the memory.
 */
class Entry {
  #row
  #staleness

  /** `staleness`: in microseconds, see `compact` in pages.js. */
  constructor(row, staleness) {
    this.#row = row
    this.#staleness = staleness
  }

  get value() {
    // The caller owns it and may change it; the row is others' too.
    if (this.#row.value === undefined) this.#row = this.#row.withValue()
    return this.#row.value
  }

  get found() {
    return this.#row.length !== ABSENT
  }

  get version() {
    const { page, at } = this.#row
    return versionOf(page.words[at + VERSION_LOW], page.words[at + VERSION_HIGH])
  }

  get stalenessMs() {
    return Number(this.#staleness) / 1000
  }

  get boundMs() {
    return this.#row.number(BOUND_MS)
  }

  get source() {
    return this.#row.flags & FROM_ORIGIN ? 'origin' : 'cache'
  }

  get proof() {
    return PROOFS[this.#row.flags >> PROOF_SHIFT]
  }

  get degraded() {
    return (this.#row.flags & DEGRADED) !== 0
  }

  get lastModifiedAt() {
    const at = this.#row.number(LAST_MODIFIED_AT)
    return Number.isNaN(at) ? null : new Date(at) // NaN: the origin did not say
  }

  /** All of it as a plain object. */
  toJSON() {
    const { value, found, version, stalenessMs, boundMs, source, proof, degraded, lastModifiedAt } = this
    return { value, found, version, stalenessMs, boundMs, source, proof, degraded, lastModifiedAt }
  }

  [inspect.custom](_depth, options) {
    return `Entry ${inspect(this.toJSON(), options)}`
  }
}

module.exports = { Entry, Row }
