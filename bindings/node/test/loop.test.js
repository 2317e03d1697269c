'use strict'

// The event loop: one request for many readers, none of which blocks it.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { Cache } = require('..')
const { startOrigin } = require('./support/origin.js')
const { serve } = require('./support/server.js')
const { using } = require('./support/using.js')

test('64 gets of one key at once are one origin request', async (t) => {
  const server = await serve(t, (_, response) => setTimeout(() => response.end('v'), 50))
  await using(new Cache({ origin: server.url, stalenessBound: '10s' }), async (cache) => {
    const entries = await Promise.all(Array.from({ length: 64 }, () => cache.get('k')))
    assert.ok(entries.every((entry) => entry.value.toString() === 'v'))
    assert.deepEqual(server.requests, ['/items/k'])
    assert.equal(cache.stats().flightsJoined, 63)
  })
})

test('64 gets of one key at once ask a loader once', async () => {
  let asked = 0
  const loader = () => new Promise((resolve) => setTimeout(resolve, 50, String(++asked)))
  await using(new Cache({ loader, stalenessBound: '10s' }), async (cache) => {
    await Promise.all(Array.from({ length: 64 }, () => cache.get('k')))
    assert.equal(asked, 1)
  })
})

test('a slow miss does not block the event loop', async (t) => {
  const origin = await startOrigin(t)
  await origin.put('k', 'v')
  await origin.fault({ delay_ms: 400, count: 1 })
  await using(new Cache({ origin: origin.url, readTimeout: '5s', originTimeout: '5s' }), async (cache) => {
    let turns = 0
    let longest = 0
    let pending = true
    const miss = cache.get('k').finally(() => (pending = false))
    for (let last = performance.now(); pending; turns++) {
      await turn()
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    assert.equal((await miss).source, 'origin')
    // 400 ms of idle turns; a blocked loop would have had one, of 400 ms.
    assert.ok(turns > 100, `${turns} turns`)
    assert.ok(longest < 350, `longest turn ${longest} ms`)
  })
})

test('hits resolve within the turn they were asked in', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m' }), async (cache) => {
    await cache.set('k', 'v')
    await cache.get('k')
    let turned = false
    const immediate = setImmediate(() => (turned = true))
    for (let i = 0; i < 1_000; i++) await cache.get('k')
    assert.equal(turned, false)
    clearImmediate(immediate)
  })
})

test('thousands of completions leave the loop turns of its own', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m', readTimeout: '20s' }), async (cache) => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `key/${i}`)
    let turns = 0
    const count = () => (immediate = setImmediate(() => (turns++, count())))
    let immediate
    count()
    const entries = await Promise.all(keys.map((key) => cache.get(key)))
    clearImmediate(immediate)
    assert.equal(entries.length, keys.length)
    assert.ok(turns >= 10, `${turns} turns`)
  })
})
