'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { Cache, Entry } = require('..')
const { startOrigin } = require('./support/origin.js')
const { serve } = require('./support/server.js')
const { using } = require('./support/using.js')

test('a miss asks the origin, a hit does not, and each says where it came from', async (t) => {
  const origin = await startOrigin(t)
  const version = await origin.put('carrier/UA', '{"late":17}')
  await using(new Cache({ origin: origin.url, stalenessBound: '10s' }), async (cache) => {
    assert.equal(cache.lookup('carrier/UA'), null)
    const miss = await cache.get('carrier/UA')
    assert.ok(miss instanceof Entry)
    assert.equal(miss.value.toString(), '{"late":17}')
    assert.deepEqual([miss.found, miss.version, miss.source, miss.proof], [true, version, 'origin', 'pull'])
    assert.deepEqual([miss.boundMs, miss.degraded], [10_000, false])
    assert.ok(miss.stalenessMs > 0 && miss.stalenessMs < 5_000, `${miss.stalenessMs}`)
    assert.ok(Math.abs(miss.lastModifiedAt - Date.now()) < 60_000, `${miss.lastModifiedAt}`)

    const hit = await cache.get('carrier/UA')
    assert.deepEqual([hit.source, hit.version, hit.value], ['cache', version, miss.value])
    assert.deepEqual(cache.lookup('carrier/UA').value, miss.value)
    const { hits, misses, originRequests, hitRatio } = cache.stats()
    assert.deepEqual([hits, misses, originRequests, hitRatio], [2, 1, 1, 2 / 3])
    assert.match(cache.metricsText(), /^edgecmp_hits_total 2$/m)
  })
})

test('an entry is not returned past its bound', async (t) => {
  const origin = await startOrigin(t)
  await origin.put('k', 'old')
  await using(new Cache({ origin: origin.url, stalenessBound: '500ms', refreshAfter: '500ms' }), async (cache) => {
    await cache.get('k')
    await origin.put('k', 'new')
    await sleep(550)
    assert.equal(cache.lookup('k'), null)
    assert.equal((await cache.get('k')).value.toString(), 'new')
  })
})

test('a read may tighten the bound, and widen it only expressly', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '10s' }), async (cache) => {
    await cache.set('k', 'v')
    await cache.get('k')
    await sleep(20)
    assert.equal(cache.lookup('k', { stalenessBound: 10 }), null)
    assert.equal(cache.lookup('k', { stalenessBound: '5s' }).boundMs, 5_000)
    assert.equal(cache.lookup('k', { stalenessBound: '20s' }).boundMs, 10_000)
    assert.equal(cache.lookup('k', { stalenessBound: '20s', widen: true }).boundMs, 20_000)
  })
})

test('a key that the origin does not have is an entry without a value', async (t) => {
  const origin = await startOrigin(t)
  await using(new Cache({ origin: origin.url }), async (cache) => {
    const entry = await cache.get('nothing')
    assert.deepEqual([entry.value, entry.found, entry.version], [null, false, 0n])
    assert.equal(cache.lookup('nothing').found, false)
  })
})

test('minVersion carries read-your-writes over; a version not reached is an error', async (t) => {
  const origin = await startOrigin(t)
  const options = { origin: origin.url, stalenessBound: '10s' }
  await using(new Cache(options), (writer) =>
    using(new Cache(options), async (reader) => {
      await writer.set('k', 'one')
      await reader.get('k')
      const { version } = await writer.set('k', 'two')
      assert.equal((await reader.get('k')).value.toString(), 'one')
      assert.equal((await reader.get('k', { minVersion: version })).value.toString(), 'two')
      assert.equal((await reader.get('k', { minVersion: String(version) })).source, 'cache')
      await assert.rejects(reader.get('k', { minVersion: version + 1n, timeout: 200 }), { code: 'VERSION_NOT_REACHED' })
    }),
  )
})

test('getMany answers in the order of the keys, misses in one request', async (t) => {
  const origin = await startOrigin(t)
  for (const key of ['a', 'b', 'c']) await origin.put(key, `value of ${key}`)
  await using(new Cache({ origin: origin.url, stalenessBound: '10s' }), async (cache) => {
    await cache.get('b')
    const before = cache.stats().originRequests
    const entries = await cache.getMany(['c', 'nothing', 'b', Buffer.from('a'), 'c'])
    assert.deepEqual(
      entries.map((entry) => entry.value?.toString() ?? null),
      ['value of c', null, 'value of b', 'value of a', 'value of c'],
    )
    assert.equal(cache.stats().originRequests - before, 1)
    assert.deepEqual((await cache.getMany(new Set(['a', 'b']))).map((entry) => entry.source), ['cache', 'cache'])
    assert.deepEqual(await cache.getMany([]), [])
  })
})

test('getMany rejects with the first error, or has errors in their places', async () => {
  const loader = (key) => {
    if (key.startsWith('bad')) throw Object.assign(new Error(`no ${key}`), { code: 'ORIGIN_REJECTED' })
    return key
  }
  await using(new Cache({ loader }), async (cache) => {
    await assert.rejects(cache.getMany(['a', 'bad1', 'bad2']), { code: 'ORIGIN_REJECTED', message: /bad1/ })
    const [good, bad] = await cache.getMany(['a', 'bad1'], { partial: true })
    assert.equal(good.value.toString(), 'a')
    assert.equal(bad.code, 'ORIGIN_REJECTED')
    assert.equal(bad.name, 'EdgecmpError')
  })
})

test('values of every size come back whole, and are the reader\'s own', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1h' }), async (cache) => {
    for (const size of [0, 1, 100, 5_000, 65_535, 65_536, 65_537, 1 << 20]) {
      const value = Buffer.alloc(size, `${size}.`)
      await cache.set('k', value)
      for (const read of [() => cache.get('k'), () => cache.lookup('k'), async () => (await cache.getMany(['k']))[0]]) {
        const entry = await read()
        assert.ok(entry.value.equals(value), `${size}`)
        entry.value.fill(0)
      }
    }
  })
})

test('versions beyond 64 bits are exact', async (t) => {
  const version = '018f2f9e-7c1a-7000-8000-000000000001'
  const server = await serve(t, (_, response) => response.setHeader('edge-version', version).end('v'))
  await using(new Cache({ origin: server.url }), async (cache) => {
    const entry = await cache.get('k')
    assert.equal(entry.version, 0x018f2f9e7c1a70008000000000000001n)
    assert.equal((await cache.get('k', { minVersion: version })).source, 'cache')
    assert.equal((await cache.get('k', { minVersion: entry.version })).source, 'cache')
  })
})

test('the trace context of a read reaches the origin', async (t) => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const seen = []
  const server = await serve(t, (request, response) => {
    seen.push(request.headers.traceparent)
    response.end('v')
  })
  await using(new Cache({ origin: server.url }), async (cache) => {
    await cache.get('k', { traceparent })
    assert.deepEqual(seen, [traceparent])
  })
})

test('an outage: degraded only where it was allowed, and only so old', async (t) => {
  const origin = await startOrigin(t)
  await origin.put('k', 'v')
  await using(new Cache({ origin: origin.url, stalenessBound: '500ms', readTimeout: '500ms' }), async (cache) => {
    await cache.get('k')
    await origin.fault({ status: 503, count: 1000 })
    await sleep(550)
    await assert.rejects(cache.get('k'), (error) => error.retriable && ['ORIGIN_UNAVAILABLE', 'BREAKER_OPEN'].includes(error.code))
    const entry = await cache.get('k', { outageBound: '1m' })
    assert.deepEqual([entry.degraded, entry.proof, entry.value.toString()], [true, 'none', 'v'])
    assert.ok(entry.stalenessMs > 500)
  })
})
