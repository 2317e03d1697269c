'use strict'

// A hit of `lookup` beside lru-cache's `get`: same keys, same order, one run.
// `make bench-node`. Prints a table, writes target/bench/node.json.
//
// The bar is on lru-cache's plain `get` (no TTL): it reads no clock, copies
// nothing and says nothing of the value's age. A row is the median of its
// rounds, which take turns with those of the others.

const fs = require('node:fs')
const path = require('node:path')
const { LRUCache } = require('lru-cache')
const { Cache } = require('../index.js')
const calls = require('./calls.node')

const BAR = 3
const SIZES = [1_000, 10_000, 100_000]
const LOOKUPS = 3 << 15
/**
 * Lookups of a round: so short that most rounds of every row are undisturbed on a
 * machine that others use. Before it go some that do not count, so that a row finds
 * in the processor's caches what it would have there by itself, not the row before.
 */
const ROUND = 1 << 11
const WARM = 1 << 12
const ROUNDS = process.argv.includes('--quick') ? 40 : 250
const BATCH = 32
const VALUE = Buffer.alloc(100, 'v')

const RESULT = path.join(__dirname, '../../../target/bench/node.json')

/** xorshift32: every run looks up the same keys. */
function random(seed) {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const DISTRIBUTIONS = {
  uniform: (n, next) => () => Math.floor(next() * n),
  // 0.99, by its cumulative sums; ranks are scattered over the keys.
  zipf: (n, next) => {
    const sums = new Float64Array(n)
    let sum = 0
    for (let rank = 0; rank < n; rank++) sums[rank] = sum += (rank + 1) ** -0.99
    return () => {
      const wanted = next() * sum
      let [low, high] = [0, n - 1]
      while (low < high) {
        const middle = (low + high) >> 1
        if (sums[middle] < wanted) low = middle + 1
        else high = middle
      }
      return (low * 7919) % n
    }
  },
}

/** 34 characters. */
const keyOf = (i) => `airport/JFK/carrier/UA/hour/${String(i).padStart(6, '0')}`

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1]

/** Each row is a function of its own: no two share what V8 learned of one. */
function rowsOf({ keys, batches, cache, map, plain, timed }) {
  return {
    'Map.get': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (map.get(keys[i]) !== undefined) found++
      return found
    },
    'lru-cache get': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (plain.get(keys[i]) !== undefined) found++
      return found
    },
    'lru-cache get, with ttl': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (timed.get(keys[i]) !== undefined) found++
      return found
    },
    'empty Node-API call': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (calls.call() === undefined) found++
      return found
    },
    'Node-API call with a key': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (calls.callWithKey(1, keys[i]) > 0) found++
      return found
    },
    'edgecmp lookup': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (cache.lookup(keys[i]) !== null) found++
      return found
    },
    'edgecmp lookup + stalenessMs': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (cache.lookup(keys[i]).stalenessMs > 0) found++
      return found
    },
    'edgecmp lookup + value': (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if (cache.lookup(keys[i]).value.length === VALUE.length) found++
      return found
    },
    'edgecmp get, awaited': async (from, to) => {
      let found = 0
      for (let i = from; i < to; i++) if ((await cache.get(keys[i])).found) found++
      return found
    },
    [`edgecmp getMany of ${BATCH}, a key`]: async (from, to) => {
      let found = 0
      for (let i = from / BATCH; i < to / BATCH; i++) found += (await cache.getMany(batches[i])).length
      return found
    },
  }
}

async function measure(n, distribution, stores) {
  const draw = DISTRIBUTIONS[distribution](n, random(0x9e3779b9))
  const keys = Array.from({ length: LOOKUPS }, () => stores.names[draw()])
  const batches = Array.from({ length: LOOKUPS / BATCH }, (_, i) => keys.slice(i * BATCH, (i + 1) * BATCH))
  const rows = rowsOf({ ...stores, keys, batches })
  const times = new Map(Object.keys(rows).map((name) => [name, []]))
  let at = 0
  for (let round = -20; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(rows)) {
      await run(at, at + WARM)
      at = (at + WARM) % LOOKUPS
      const began = process.hrtime.bigint()
      const running = run(at, at + ROUND)
      const found = typeof running === 'number' ? running : await running
      const spent = Number(process.hrtime.bigint() - began)
      if (found !== ROUND) throw new Error(`${name}: ${found} of ${ROUND} hit`)
      at = (at + ROUND) % LOOKUPS
      if (round >= 0) times.get(name).push(spent / ROUND)
    }
  }
  return new Map([...times].map(([name, spent]) => [name, median(spent)]))
}

async function fill(n) {
  const names = Array.from({ length: n }, (_, i) => keyOf(i))
  const cache = new Cache({ origin: 'memory:', stalenessBound: '1h', capacity: '256MiB' })
  const map = new Map()
  const plain = new LRUCache({ max: n })
  const timed = new LRUCache({ max: n, ttl: 3_600_000 })
  for (let at = 0; at < n; at += 1_000) {
    const part = names.slice(at, at + 1_000)
    await Promise.all(part.map((key) => cache.set(key, VALUE)))
    for (const { version } of await cache.getMany(part)) {
      const key = part[map.size - at]
      const entry = { value: Buffer.from(VALUE), version }
      map.set(key, entry)
      plain.set(key, entry)
      timed.set(key, entry)
    }
  }
  return { names, cache, map, plain, timed }
}

async function main() {
  const results = []
  for (const n of SIZES) {
    const stores = await fill(n)
    for (const distribution of Object.keys(DISTRIBUTIONS)) {
      const medians = await measure(n, distribution, stores)
      const base = medians.get('lru-cache get')
      console.log(`\n${n} keys, ${distribution}: nanoseconds a call, and how many times lru-cache's get`)
      for (const [impl, ns] of medians) {
        const ratio = ns / base
        const row = { impl, n, distribution, ns: Number(ns.toFixed(1)), ratio: Number(ratio.toFixed(2)) }
        if (impl === 'edgecmp lookup') row.pass = ratio <= BAR
        results.push(row)
        const verdict = row.pass === undefined ? '' : row.pass ? `PASS (<= ${BAR})` : `FAIL (> ${BAR})`
        console.log(`  ${impl.padEnd(30)} ${ns.toFixed(1).padStart(8)} ${ratio.toFixed(2).padStart(7)}  ${verdict}`.trimEnd())
      }
    }
    await stores.cache.close()
  }
  const failed = results.filter((row) => row.pass === false)
  fs.mkdirSync(path.dirname(RESULT), { recursive: true })
  fs.writeFileSync(RESULT, `${JSON.stringify(results, null, 2)}\n`)
  console.log(`\n${failed.length === 0 ? 'PASS' : 'FAIL'}: lookup of a hit <= ${BAR} x lru-cache's get (plain), in every table`)
}

main()
