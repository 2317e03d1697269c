'use strict'

// The arena: memory in which the addon hands numbers over beside what its
// functions return. The layout is that of src/arena.rs.

const ID = 0
const VERSION_LOW = 1
const VERSION_HIGH = 2
const ANSWERS = 3
const AGAIN = ANSWERS + 2 * 64
const WORDS = AGAIN + 1

const memory = new ArrayBuffer(WORDS * 8)
const bytes = Buffer.from(memory)
const numbers = new Float64Array(memory)
const words = new BigUint64Array(memory)
// Of integers V8 makes no object, as it does of what it reads from `numbers`.
const integers = new Int32Array(memory)

const id = () => numbers[ID]
const version = () => versionOf(words[VERSION_LOW], words[VERSION_HIGH])

/** Of several answers: what a read returns of it, and its detail. */
const outcome = (answer) => numbers[ANSWERS + 2 * answer]
const detail = (answer) => numbers[ANSWERS + 2 * answer + 1]

/** What `again` is asked, and what it answers. */
const ask = (number) => {
  integers[2 * AGAIN] = number
}
const answered = () => integers[2 * AGAIN + 1]

function versionOf(low, high) {
  return high === 0n ? low : (high << 64n) | low
}

module.exports = { answered, ask, bytes, detail, id, outcome, version, versionOf }
