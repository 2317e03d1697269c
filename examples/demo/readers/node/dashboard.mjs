// The Node reader of the demo: the backend of a dashboard.
//
// Each viewer asks for one page after another. A page is a panel of documents read with one call,
// and tiles that are taken from the cache at once if they are there, else awaited.

import { setTimeout as sleep } from 'node:timers/promises'

import { Cache } from '../../../../bindings/node/index.mjs'
import { draws, parseAssignment } from './assignment.mjs'
import { ReceiptLog } from './receipt-log.mjs'

const VIEWERS = 16
const PANEL = 12
const TILES = 12
const JOB_KEYS = 8
const OUTAGE_BOUND_MS = 30_000 // asked for by one page in four
const SET_EVERY_MS = 300
const FLUSH_EVERY_MS = 200

const given = parseAssignment()
const { keys, rate, seconds } = given
const log = new ReceiptLog(given.log, given.boundMs)
const cache = new Cache({ origin: given.origin, stalenessBound: given.boundMs })

/** The clock of the origin's history; Node itself reads CLOCK_MONOTONIC. */
const now = () => process.hrtime.bigint() + given.clockOffset

/** The error in place of the result: the log takes both. */
const settled = (promise) => promise.catch((error) => error)

async function readTile(key, reader, options) {
  const start = now()
  const entry = cache.lookup(keys[key], options) ?? (await settled(cache.get(keys[key], options)))
  log.read(key, start, now(), entry, reader, { outageBoundMs: options.outageBound, minVersion: options.minVersion })
}

async function readPanel(lines, reader, options) {
  const start = now()
  const entries = await cache.getMany(lines.map((line) => keys[line]), { ...options, partial: true })
  const end = now()
  lines.forEach((line, at) => log.read(line, start, end, entries[at], reader, { outageBoundMs: options.outageBound }))
}

/** Shows one viewer pages at a steady pace. */
async function serveViewer(reader, began) {
  const mix = draws(given, reader)
  const take = (count) => Array.from({ length: count }, () => mix.next().value)
  const pageMs = ((PANEL + TILES) * VIEWERS * 1000) / rate
  let due = began + (reader * pageMs) / VIEWERS
  for (let page = 0; ; page++, due += pageMs) {
    const ahead = due - performance.now()
    if (ahead > 0) await sleep(ahead)
    else if (ahead < -250) due = performance.now() // after a stall the pace goes on, without a burst
    if (performance.now() - began >= seconds * 1000) return
    const options = page % 4 === 0 ? { outageBound: OUTAGE_BOUND_MS } : {}
    for (const tile of take(TILES)) await readTile(tile, reader, options)
    await readPanel(take(PANEL), reader, options)
  }
}

/** Keeps notes of its own in the origin and reads them back: G3. */
async function writeNotes(began) {
  const reader = VIEWERS
  let unsettled
  for (let count = 0; performance.now() - began < seconds * 1000; ) {
    unsettled ??= { key: keys.indexOf(`job/node/${count % JOB_KEYS}`), value: `{"note":${++count}}` }
    const { key, value, idempotencyKey } = unsettled
    const start = now()
    const receipt = await settled(cache.set(keys[key], value, { idempotencyKey }))
    log.write(key, start, now(), value, receipt, reader)
    if (receipt.code === 'UNKNOWN_OUTCOME') {
      unsettled.idempotencyKey = receipt.idempotencyKey // the retry does not write twice
    } else {
      unsettled = undefined
      if (!(receipt instanceof Error)) await readTile(key, reader, { minVersion: receipt.version })
    }
    await sleep(SET_EVERY_MS)
  }
}

const began = performance.now()
const flusher = setInterval(() => log.flush(), FLUSH_EVERY_MS)
const viewers = Array.from({ length: VIEWERS }, (_, reader) => serveViewer(reader, began))
await Promise.all([...viewers, writeNotes(began)])
clearInterval(flusher)
await cache.close()
log.close()
