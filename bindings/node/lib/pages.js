'use strict'

// Pages: memory into which the addon writes answers, a row each (src/page.rs),
// and the rows that it names again by their number (src/shown.rs).

const native = require('./native.js')
const arena = require('./arena.js')
const { Entry, Row } = require('./entry.js')

/** By itself: the addon's exports are a dictionary to V8. */
let again

/** A row keeps its page: not too large. Nor is a new one for free: not too small. */
const BYTES = 16 * 1024

/** What `again` answers in place of a staleness (-2: see the detail), as in src/environment.rs. */
const NO = -1

/** What a read returns, as in src/environment.rs. */
const MISS = -1
const PENDING = -2
const FAILED = -3
const FULL = -4
const ROW = 1 << 20
const LARGE = 1 << 21
const NUMBERED = 1 << 22

class Page {
  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(BYTES)
    const { buffer } = this.bytes
    this.shapes = new Int32Array(buffer)
    this.numbers = new Float64Array(buffer)
    this.words = new BigUint64Array(buffer)
  }
}

let page

/** The rows that have a number, until all are forgotten. */
const rows = []
let forgotten = 0

/** The numbers of a cache's keys, as far as they are known. */
class Numbers {
  #numbers = new Map()
  #forgotten = forgotten

  /** The entry of a key, if the one that its number stands for would be returned again. */
  again(key) {
    if (this.#forgotten !== forgotten) return this.#forget()
    const number = this.#numbers.get(key)
    if (number === undefined) return undefined
    arena.ask(number)
    again()
    const staleness = arena.answered()
    if (staleness >= 0) return new Entry(rows[number], staleness)
    return staleness === NO ? undefined : new Entry(rows[number], compact(arena.detail(0)))
  }

  /** Notes what a read of this key has returned. A byte array may change, a string does not. */
  note(key, outcome) {
    if (typeof key !== 'string' || outcome < 0) return
    if (this.#forgotten !== forgotten) this.#forget()
    if (outcome < ROW) this.#numbers.set(key, outcome)
    else if (outcome & NUMBERED) this.#numbers.set(key, arena.detail(0))
  }

  #forget() {
    this.#numbers.clear()
    this.#forgotten = forgotten
  }
}

/** The addon knows no number any more: it has begun anew, or a cache has left it. */
function forget() {
  rows.length = 0
  forgotten++
}

/** Begins a new page. What was written is left to its rows. */
function turn(environment) {
  page = new Page()
  native.turnPage(environment, page.bytes)
}

/** The functions of the environment that is attached now. */
function attached(environment) {
  again = native.againOf(environment)
  turn(environment)
}

/** The entry of what a read returned, as one of several answers. */
function entry(environment, outcome, answer) {
  if (outcome < ROW) return new Entry(rows[outcome], compact(arena.detail(answer)))
  const at = outcome & (ROW - 1)
  const row = new Row(page, at, undefined)
  const staleness = compact(row.staleness)
  if (outcome & LARGE) return new Entry(new Row(page, at, large(environment, row)), staleness)
  if (outcome & NUMBERED) {
    const number = arena.detail(answer)
    if (number === 0) forget()
    rows[number] = row
  }
  return new Entry(row, staleness)
}

/**
 * Microseconds as all entries have them. V8 knows of a field that it has only ever
 * had small integers, or other objects beside them; once it has had a number that is
 * none, it makes an object of each.
 */
function compact(microseconds) {
  const small = microseconds | 0
  return small === microseconds ? small : BigInt(microseconds)
}

function large(environment, row) {
  const value = Buffer.allocUnsafeSlow(row.length)
  native.copyValue(environment, value)
  return value
}

module.exports = { FAILED, FULL, MISS, PENDING, Numbers, attached, compact, entry, forget, turn }
