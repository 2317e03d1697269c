'use strict'

// What the addon and lib/ remember of hits changes what a hit costs, and
// nothing else: each answer is the one that core gives at that moment.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { inspect } = require('node:util')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { Cache, Entry } = require('..')
const { compact } = require('../lib/pages.js')
const { run } = require('./support/programs.js')
const { using } = require('./support/using.js')

const open = (options) => new Cache({ origin: 'memory:', stalenessBound: '1h', ...options })

test('the value of a hit is the reader\'s own', async () => {
  await using(open(), async (cache) => {
    await cache.set('k', 'value')
    const entries = [cache.lookup('k'), cache.lookup('k'), cache.lookup('k'), await cache.get('k'), (await cache.getMany(['k']))[0]]
    for (const entry of entries) {
      assert.equal(entry.value.toString(), 'value')
      // One Buffer an entry.
      assert.equal(entry.value, entry.value)
      entry.value.fill('x')
      assert.equal(entry.value.toString(), 'xxxxx')
    }
    assert.equal(cache.lookup('k').value.toString(), 'value')
    // Nothing that others rely on can be reached, or taken away, through it.
    const { value } = cache.lookup('k')
    Buffer.from(value.buffer).fill(0)
    assert.equal(cache.lookup('k').value.toString(), 'value')
    assert.equal(cache.lookup('k').stalenessMs > 0, true)
  })
})

test('a set, a delete and an invalidation are seen at once, by each kind of read', async () => {
  await using(open(), async (cache) => {
    const values = async () => [
      cache.lookup('k')?.value?.toString(),
      (await cache.get('k')).value?.toString(),
      (await cache.getMany(['k']))[0].value?.toString(),
    ]
    let last = 0n
    for (let i = 0; i < 200; i++) {
      const { version } = await cache.set('k', `value ${i}`)
      assert.ok(version > last)
      last = version
      for (let twice = 0; twice < 2; twice++) {
        assert.equal(cache.lookup('k').version, version)
        assert.deepEqual(await values(), Array(3).fill(`value ${i}`))
      }
    }
    cache.invalidate('k')
    assert.equal(cache.lookup('k'), null)
    assert.equal((await cache.get('k')).value.toString(), 'value 199')
    cache.lookup('k')
    await cache.delete('k')
    assert.deepEqual(await values(), Array(3).fill(undefined))
    assert.equal(cache.lookup('k').found, false)
  })
})

test('entries that are kept do not change', async () => {
  await using(open(), async (cache) => {
    const kept = []
    for (let i = 0; i < 500; i++) {
      await cache.set('k', `value ${i}`)
      kept.push(cache.lookup('k'), cache.lookup('k'))
    }
    kept.forEach((entry, i) => {
      assert.equal(entry.value.toString(), `value ${i >> 1}`)
      assert.equal(entry.version, BigInt((i >> 1) + 1))
    })
  })
})

test('the staleness is that of each read: never less than the time since the proof', async () => {
  await using(open(), async (cache) => {
    const before = process.hrtime.bigint()
    await cache.set('k', 'v')
    const after = process.hrtime.bigint()
    const ms = (from) => Number(process.hrtime.bigint() - from) / 1e6
    let last = 0
    for (let i = 0; i < 20_000; i++) {
      // Proved before the set returned, and after it was called.
      const atLeast = ms(after)
      const { stalenessMs } = cache.lookup('k')
      assert.ok(stalenessMs >= atLeast, `${stalenessMs} < ${atLeast}`)
      // 500 ppm of clock drift, and a few microseconds of a clock that is never early.
      assert.ok(stalenessMs <= ms(before) * 1.0011 + 0.01, `${stalenessMs}`)
      if (i % 4_000 === 0) await sleep(5)
      last = stalenessMs
    }
    assert.ok(last > 20)
  })
})

test('a staleness of any length is told', () => {
  // Past half an hour it is another kind of number inside.
  for (const microseconds of [0, 1, 1_500, 2 ** 31 - 1, 2 ** 31, 3_600_000_001, 2 ** 53]) {
    assert.equal(new Entry(undefined, compact(microseconds)).stalenessMs, microseconds / 1_000)
  }
})

test('a hit that is known is not returned past its bound, nor past a tighter one', async () => {
  await using(open({ stalenessBound: 100, refreshAfter: 100 }), async (cache) => {
    await cache.set('k', 'v')
    let hits = 0
    // Not up to the bound itself: the last reads before it ask for a refresh.
    for (const began = performance.now(); performance.now() - began < 60; ) {
      const entry = cache.lookup('k')
      if (entry === null) break
      assert.ok(entry.stalenessMs <= 100 && entry.boundMs === 100)
      hits++
    }
    assert.ok(hits > 10)
    await sleep(60)
    assert.equal(cache.lookup('k'), null)
    await cache.get('k')
    await sleep(20)
    assert.ok(cache.lookup('k'))
    assert.equal(cache.lookup('k', { stalenessBound: 10 }), null)
    assert.equal(cache.lookup('k', { stalenessBound: 90 }).boundMs, 90)
    assert.equal(cache.lookup('k').boundMs, 100)
  })
})

test('each hit is counted', async () => {
  await using(open(), async (cache) => {
    await cache.set('k', 'v')
    for (let i = 0; i < 1_000; i++) cache.lookup('k')
    assert.equal(cache.stats().hits, 1_000)
  })
})

test('each hit is known to eviction, also where its entry is not looked at', async () => {
  // What is read stays, whatever comes and goes beside it, whoever brings it.
  await using(open({ capacity: '1MiB', maxValueBytes: '64KiB' }), async (cache) => {
    const value = Buffer.alloc(1_000)
    const hot = Array.from({ length: 50 }, (_, i) => `hot ${i}`)
    for (const key of hot) await cache.set(key, value)
    let lost = 0
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 20; i++) for (const key of hot) if (cache.lookup(key) === null) lost++
      await Promise.all(Array.from({ length: 100 }, (_, i) => cache.set(`once ${round} ${i}`, value)))
    }
    assert.equal(lost, 0)
    assert.ok(cache.stats().evictions > 5_000)
  })
})

test('a hit that is known asks for its refresh, and then is as young as the proof', async () => {
  let asked = 0
  const loader = () => ({ value: 'v', version: BigInt(++asked && 1) })
  await using(open({ origin: undefined, loader, stalenessBound: 400, refreshAfter: 100 }), async (cache) => {
    await cache.get('k')
    for (const began = performance.now(); performance.now() - began < 700; await sleep(1)) {
      for (let i = 0; i < 10; i++) {
        const entry = cache.lookup('k')
        assert.ok(entry !== null && entry.stalenessMs < 300, `${entry?.stalenessMs}`)
      }
    }
    assert.ok(asked >= 4, `${asked}`)
    assert.equal(cache.stats().misses, 1)
  })
})

test('caches do not mix: the same key in two, one closed and another opened', async () => {
  await using(open(), async (first) => {
    await first.set('k', 'first')
    for (let round = 0; round < 20; round++) {
      await using(open(), async (second) => {
        assert.equal(second.lookup('k'), null)
        await second.set('k', `second ${round}`)
        for (let i = 0; i < 3; i++) {
          assert.equal(first.lookup('k').value.toString(), 'first')
          assert.equal(second.lookup('k').value.toString(), `second ${round}`)
        }
      })
    }
    assert.equal(first.lookup('k').value.toString(), 'first')
  })
  const closed = open()
  await closed.set('k', 'v')
  closed.lookup('k')
  closed.lookup('k')
  await closed.close()
  assert.throws(() => closed.lookup('k'), { code: 'CLOSED' })
  await assert.rejects(closed.get('k'), { code: 'CLOSED' })
})

test('a byte array that changes is another key', async () => {
  await using(open(), async (cache) => {
    await cache.set('a', 'of a')
    await cache.set('b', 'of b')
    const key = Buffer.from('a')
    assert.equal(cache.lookup(key).value.toString(), 'of a')
    assert.equal(cache.lookup(key).value.toString(), 'of a')
    key.write('b')
    assert.equal(cache.lookup(key).value.toString(), 'of b')
  })
})

test('more keys than are remembered, with more bytes: every answer is right', async () => {
  await using(open({ capacity: '256MiB' }), async (cache) => {
    const count = 12_000
    const value = (i) => `${i}.`.repeat(450 + (i % 150))
    const keys = Array.from({ length: count }, (_, i) => `key ${i}`)
    for (let at = 0; at < count; at += 500) {
      await Promise.all(keys.slice(at, at + 500).map((key, i) => cache.set(key, value(at + i))))
    }
    for (let round = 0; round < 3; round++) {
      // Those that came last have no room, until all is forgotten.
      for (let i = 0; i < 50_000; i++) {
        const index = count - 1 - (i % 500)
        assert.equal(cache.lookup(keys[index]).value.length, value(index).length)
      }
      for (let i = 0; i < count; i += 1 + round) {
        assert.equal(cache.lookup(keys[i]).value.toString(), value(i))
        // One that is read all the time, through every time that all is forgotten.
        assert.equal(cache.lookup(keys[7]).value.toString(), value(7))
      }
      const many = await cache.getMany(keys)
      many.forEach((entry, i) => assert.equal(entry.value.length, value(i).length))
      assert.equal(many[count - 1].value.toString(), value(count - 1))
    }
  })
})

test('values around the sizes at which they are handed over in another way', async () => {
  await using(open(), async (cache) => {
    for (const size of [0, 1, 7, 8, 9, 4_095, 4_096, 4_097, 16_384]) {
      await cache.set('k', Buffer.alloc(size, `${size}.`))
      for (let i = 0; i < 20; i++) {
        assert.ok(cache.lookup('k').value.equals(Buffer.alloc(size, `${size}.`)), `${size}`)
      }
    }
  })
})

test('writes of other threads are seen: no read goes back', async () => {
  const name = 'hits/threads'
  const cache = open({ name })
  await cache.set('k', '0')
  const worker = new Worker(path.join(__dirname, 'programs', 'writer.js'), { workerData: { name, writes: 3_000 } })
  const versions = new BigUint64Array((await once(worker, 'message'))[0])
  const exit = once(worker, 'exit')
  let [last, seen] = [0n, 0]
  while (Atomics.load(versions, 0) < 3_000n) {
    for (let i = 0; i < 200; i++) {
      // What the writer knows to be committed is the least that may be read now.
      const committed = Atomics.load(versions, 0)
      const { version, value } = cache.lookup('k')
      assert.ok(version >= committed && version >= last, `${version} after ${last}, ${committed}`)
      assert.equal(String(version - 1n), value.toString())
      if (version > last) seen++
      last = version
    }
    await new Promise(setImmediate)
  }
  assert.ok(seen > 10, `${seen}`)
  await exit
  await cache.close()
})

test('a million lookups leave no memory behind', async () => {
  const { code, output } = await run('hot.js')
  assert.equal(code, 0, output)
})

test('what is remembered keeps no more pages than it may', async () => {
  const { code, output } = await run('pages.js')
  assert.equal(code, 0, output)
})

test('an entry shows what it is', async () => {
  await using(open(), async (cache) => {
    await cache.set('k', 'v')
    const entry = cache.lookup('k')
    assert.ok(entry instanceof Entry)
    const { stalenessMs, ...rest } = entry.toJSON()
    assert.deepEqual(rest, {
      value: Buffer.from('v'),
      found: true,
      version: 1n,
      boundMs: 3_600_000,
      source: 'cache',
      proof: 'pull',
      degraded: false,
      lastModifiedAt: entry.lastModifiedAt,
    })
    assert.match(inspect(entry), /^Entry \{\n {2}value: <Buffer 76>,\n {2}found: true,\n {2}version: 1n,/)
  })
})
