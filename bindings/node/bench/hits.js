'use strict'

// Nanoseconds a call of the calls that do not wait. `make bench PROFILE=release`.

const { Cache } = require('../index.js')

const KEYS = Array.from({ length: 1000 }, (_, i) => `airport/JFK/hour/${String(i).padStart(4, '0')}`)
const ROUNDS = 300

async function time(name, calls, run) {
  await run()
  const began = process.hrtime.bigint()
  await run()
  const spent = Number(process.hrtime.bigint() - began)
  console.log(`${name.padEnd(32)} ${(spent / calls).toFixed(0).padStart(7)} ns`)
}

async function main() {
  const cache = new Cache({ origin: 'memory:', stalenessBound: '1h' })
  for (const [i, key] of KEYS.entries()) await cache.set(key, Buffer.alloc(i % 2 === 0 ? 100 : 200, 'x'))
  await cache.getMany(KEYS)

  const calls = ROUNDS * KEYS.length
  await time('lookup, hit', calls, () => {
    for (let round = 0; round < ROUNDS; round++) for (const key of KEYS) cache.lookup(key)
  })
  await time('lookup with a bound, hit', calls, () => {
    for (let round = 0; round < ROUNDS; round++) for (const key of KEYS) cache.lookup(key, { stalenessBound: 60_000 })
  })
  await time('await get, hit', calls, async () => {
    for (let round = 0; round < ROUNDS; round++) for (const key of KEYS) await cache.get(key)
  })
  await time('getMany of 1000, a key, hit', calls, async () => {
    for (let round = 0; round < ROUNDS; round++) await cache.getMany(KEYS)
  })
  const map = new Map(KEYS.map((key) => [key, cache.lookup(key)]))
  await time('Map.get, for comparison', calls, () => {
    for (let round = 0; round < ROUNDS; round++) for (const key of KEYS) map.get(key)
  })
  await cache.close()
}

main()
