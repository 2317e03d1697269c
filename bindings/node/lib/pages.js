'use strict'

// Pages: memory into which the addon writes answers, a row each (src/page.rs),
// and the rows that it names again by their number (src/shown.rs).

const native = require('./native.js')
const arena = require('./arena.js')
const { Entry, Row } = require('./entry.js')

// By itself: the addon's exports are a dictionary to V8.
const { again } = native

/** A row keeps its page: not too large. Nor is a new one for free: not too small. */
const BYTES = 16 * 1024

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
  again(environment, key) {
    if (this.#forgotten !== forgotten) return this.#forget()
    const number = this.#numbers.get(key)
    if (number === undefined) return undefined
    again(environment, number)
    const stalenessMs = arena.firstDetail()
    // NaN: it would not.
    return stalenessMs === stalenessMs ? new Entry(rows[number], stalenessMs, undefined) : undefined
  }

  /** Notes what a read of this key has returned. A byte array may change, a string does not. */
  note(key, outcome) {
    if (typeof key !== 'string' || outcome < 0) return
    if (this.#forgotten !== forgotten) this.#forget()
    if (outcome < ROW) this.#numbers.set(key, outcome)
    else if (outcome & NUMBERED) this.#numbers.set(key, arena.firstDetail())
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

/** The entry of what a read returned, as one of several answers. */
function entry(environment, outcome, answer) {
  if (outcome < ROW) return new Entry(rows[outcome], arena.detail(answer), undefined)
  const row = new Row(page, outcome & (ROW - 1))
  if (outcome & NUMBERED) {
    const number = arena.detail(answer)
    if (number === 0) forget()
    rows[number] = row
  }
  return new Entry(row, row.stalenessMs, outcome & LARGE ? large(environment, row) : undefined)
}

function large(environment, row) {
  const value = Buffer.allocUnsafeSlow(row.length)
  native.copyValue(environment, value)
  return value
}

module.exports = { FAILED, FULL, MISS, PENDING, Numbers, entry, forget, turn }
