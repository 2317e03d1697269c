'use strict'

// This environment's end of the addon: calls that wait, and the delivery of
// what core's runtime thread leaves in the mailbox (src/mailbox.rs).

const native = require('./native.js')
const arena = require('./arena.js')
const pages = require('./pages.js')
const loaders = require('./loaders.js')
const { AbortError, EdgecmpError } = require('./errors.js')

// Kinds of events, as in src/events.rs.
const NONE = 0
const READ = 1
const READ_MANY = 2
const WRITTEN = 3
const CLOSED = 4
const CLOSED_RUNNING = 5
const FAILED = 6
const LOAD = 7

/** Events delivered before the loop gets a turn for its other work. */
const BATCH = 256

const number = native.attach(deliver, arena.bytes)
pages.attached(number)

/** Calls that wait, by their id. They hold their cache: it must not be collected. */
const waiting = new Map()

/** A promise of the call whose id is in the arena. */
function wait(cache, signal) {
  return new Promise((resolve, reject) => {
    const call = { cache, resolve, reject, signal, onAbort: undefined }
    const id = arena.id()
    if (signal !== undefined) {
      call.onAbort = () => settle(id)?.reject(new AbortError(signal.reason))
      signal.addEventListener('abort', call.onAbort, { once: true })
    }
    waiting.set(id, call)
    if (waiting.size === 1) native.hold(number, true)
  })
}

/** Takes a call out; undefined if it was aborted before. */
function settle(id) {
  const call = waiting.get(id)
  if (call === undefined) return undefined
  waiting.delete(id)
  if (waiting.size === 0) native.hold(number, false)
  call.signal?.removeEventListener('abort', call.onAbort)
  return call
}

/** Called on the loop when events wait. */
function deliver() {
  for (let delivered = 0; delivered < BATCH; delivered++) {
    const kind = native.nextEvent(number)
    if (kind === NONE) return
    try {
      dispatch(kind)
    } catch (defect) {
      // Ours alone can fail here. Those behind it in the mailbox still get their answers.
      process.nextTick(() => {
        throw defect
      })
    }
  }
  // Not drained: the mailbox sends no other wake-up.
  setImmediate(deliver)
}

function dispatch(kind) {
  if (kind === LOAD) {
    loaders.serve(number, arena.id())
    return
  }
  const call = settle(arena.id())
  switch (kind) {
    case READ: {
      const [entry] = rows(1)
      call?.resolve(entry)
      break
    }
    case READ_MANY:
      call?.resolve(rows(native.rowCount(number)))
      break
    case WRITTEN:
      call?.resolve({ version: arena.version(), idempotencyKey: native.takeIdempotencyKey(number) })
      break
    case CLOSED:
    case CLOSED_RUNNING:
      call?.resolve(kind === CLOSED)
      break
    case FAILED: {
      const error = takeError()
      call?.reject(error)
      break
    }
  }
}

/** The next rows: an entry or an error each. */
function rows(count) {
  const entries = []
  while (entries.length < count) {
    const taken = native.takeRows(number)
    for (let answer = 0; answer < taken; answer++) {
      const outcome = arena.outcome(answer)
      if (outcome === pages.FULL) pages.turn(number)
      else entries.push(outcome === pages.FAILED ? takeError() : pages.entry(number, outcome, answer))
    }
  }
  return entries
}

/** The entry of what a read has just returned. */
function entry(outcome) {
  if (outcome !== pages.FULL) return pages.entry(number, outcome, 0)
  pages.turn(number)
  return rows(1)[0]
}

function takeError() {
  const { code, message, idempotencyKey } = native.takeError(number)
  return new EdgecmpError(code, message, idempotencyKey)
}

module.exports = { entry, number, rows, wait }
