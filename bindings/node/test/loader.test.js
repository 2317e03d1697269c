'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const vm = require('node:vm')
const { setTimeout: sleep } = require('node:timers/promises')
const { Cache } = require('..')
const { using } = require('./support/using.js')

const ANSWERS = [
  ['a string', 'Łódź', Buffer.from('Łódź')],
  ['a Buffer', Buffer.from([0, 255]), Buffer.from([0, 255])],
  ['a Uint8Array of another realm', vm.runInNewContext('new Uint8Array([1, 2])'), Buffer.from([1, 2])],
  ['a Uint8Array', new Uint8Array([1, 2]), Buffer.from([1, 2])],
  ['an empty string', '', Buffer.alloc(0)],
  ['null', null, null],
  ['a value with a version', { value: 'v', version: 7n }, Buffer.from('v'), 7n],
  ['a version as number', { value: 'v', version: 8 }, Buffer.from('v'), 8n],
  ['a version as UUID', { value: 'v', version: '00000000-0000-0001-0000-000000000000' }, Buffer.from('v'), 1n << 64n],
  ['an absence with a version', { value: null, version: 9n }, null, 9n],
]

for (const [name, answer, value, version] of ANSWERS) {
  for (const [how, loader] of [['sync', () => answer], ['async', async () => (await sleep(1), answer)]]) {
    test(`a loader gives ${name}, ${how}`, async () => {
      await using(new Cache({ loader }), async (cache) => {
        const entry = await cache.get('k')
        assert.deepEqual(entry.value, value)
        if (version !== undefined) assert.equal(entry.version, version)
        assert.equal(cache.lookup('k').source, 'cache')
      })
    })
  }
}

const FAILURES = [
  ['throws', () => { throw new Error('no database') }, 'ORIGIN_UNAVAILABLE', /no database/],
  ['rejects', async () => { throw new Error('no database') }, 'ORIGIN_UNAVAILABLE', /no database/],
  ['throws a string', () => { throw 'boom' }, 'ORIGIN_UNAVAILABLE', /boom/],
  ['throws undefined', () => { throw undefined }, 'ORIGIN_UNAVAILABLE', /undefined/],
  ['throws what can not be looked at', () => { throw { get code() { throw 1 }, get message() { throw 1 } } }, 'ORIGIN_UNAVAILABLE', /no text/],
  ['throws what has no text', () => { throw Object.create(null) }, 'ORIGIN_UNAVAILABLE', /no text/],
  ['rejects the key', () => { throw Object.assign(new Error('who?'), { code: 'ORIGIN_REJECTED' }) }, 'ORIGIN_REJECTED', /who/],
  ['throws a code of its own', () => { throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }, 'ORIGIN_UNAVAILABLE', /refused/],
  ['returns nothing', () => {}, 'ORIGIN_PROTOCOL', /returned undefined/],
  ['returns a number', () => 5, 'ORIGIN_PROTOCOL', /returned number/],
  ['returns an object without value', () => ({ version: 1 }), 'ORIGIN_PROTOCOL', /no value/],
  ['returns a version with a fraction', () => ({ value: 'v', version: 1.5 }), 'ORIGIN_PROTOCOL', /version/],
  ['returns a negative version', () => ({ value: 'v', version: -1n }), 'ORIGIN_PROTOCOL', /version/],
  ['says unchanged of nothing', () => ({ unchanged: true }), 'ORIGIN_PROTOCOL', /unchanged/],
]

for (const [name, loader, code, message] of FAILURES) {
  test(`a loader that ${name}`, async () => {
    await using(new Cache({ loader, retryLimit: 0 }), async (cache) => {
      await assert.rejects(cache.get('k'), { name: 'EdgecmpError', code, message })
    })
  })
}

test('a loader learns the version held, and may say unchanged', async () => {
  const versions = []
  const loader = (key, { version }) => {
    versions.push(version)
    return version === 5n ? { unchanged: true } : { value: 'v', version: 5n }
  }
  await using(new Cache({ loader, stalenessBound: 300, refreshAfter: 300 }), async (cache) => {
    await cache.get('k')
    await sleep(350)
    const entry = await cache.get('k')
    assert.deepEqual([entry.value.toString(), entry.version, entry.source], ['v', 5n, 'origin'])
    assert.deepEqual(versions, [undefined, 5n])
    assert.equal(cache.stats().originUnchanged, 1)
  })
})

test('keys reach a loader as text, or as bytes where they are no text', async () => {
  const keys = []
  await using(new Cache({ loader: (key) => (keys.push(key), '') }), async (cache) => {
    await cache.get('Łódź')
    await cache.get(Buffer.from('\ufeffbom'))
    await cache.get(Buffer.from([0xff, 0xfe]))
    assert.deepEqual(keys, ['Łódź', '\ufeffbom', Buffer.from([0xff, 0xfe])])
  })
})

test('a loader that never answers: the deadline holds, and its signal fires', async () => {
  let signal
  const loader = (_, context) => {
    signal = context.signal
    return new Promise(() => {})
  }
  const cache = new Cache({ loader, readTimeout: 100, originTimeout: 100, retryLimit: 0 })
  const began = performance.now()
  await assert.rejects(cache.get('k'), (error) => error.retriable && /DEADLINE_EXCEEDED|ORIGIN_UNAVAILABLE/.test(error.code))
  assert.ok(performance.now() - began < 2_000)
  await sleep(200)
  assert.equal(signal.aborted, true)
  assert.equal(await cache.close(), true)
})

test('a loader is not called for readers that gave up while the loop was busy', async () => {
  let asked = 0
  const loader = () => String(++asked)
  await using(new Cache({ loader, readTimeout: 300, originTimeout: 300, retryLimit: 0 }), async (cache) => {
    const read = assert.rejects(cache.get('k'), { name: 'EdgecmpError' })
    for (const end = performance.now() + 900; performance.now() < end; );
    await read
    assert.equal(asked, 0)
    assert.equal((await cache.get('l')).value.toString(), '1')
  })
})

test('the trace context reaches a loader', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  await using(new Cache({ loader: (_, context) => context.traceparent ?? 'none' }), async (cache) => {
    assert.equal((await cache.get('k', { traceparent })).value.toString(), traceparent)
    assert.equal((await cache.get('l')).value.toString(), 'none')
  })
})

test('a loader may read the cache it belongs to', async () => {
  const loader = async (key) => (key === 'sum' ? `${(await cache.get('a')).value}+${(await cache.get('b')).value}` : key)
  const cache = new Cache({ loader })
  await using(cache, async () => {
    assert.equal((await cache.get('sum')).value.toString(), 'a+b')
  })
})

function database() {
  const rows = new Map()
  let last = 0n
  const write = (key, value, { idempotencyKey, ifVersion }) => {
    if (ifVersion !== undefined && rows.get(key)?.version !== ifVersion) {
      throw Object.assign(new Error('another version is current'), { code: 'CONFLICT' })
    }
    rows.set(key, { value, version: ++last, idempotencyKey })
    return last
  }
  return {
    rows,
    loader: (key) => rows.get(key) ?? null,
    writer: {
      set: async (key, value, context) => write(key, value, context),
      delete: (key, context) => ({ version: write(key, null, context) }),
    },
  }
}

test('a writer takes writes, with key, value and idempotency key', async () => {
  const { rows, loader, writer } = database()
  await using(new Cache({ loader, writer, stalenessBound: '10s' }), async (cache) => {
    const receipt = await cache.set('k', 'v', { idempotencyKey: 'once' })
    assert.deepEqual(receipt, { version: 1n, idempotencyKey: 'once' })
    assert.deepEqual(rows.get('k'), { value: Buffer.from('v'), version: 1n, idempotencyKey: 'once' })
    assert.equal((await cache.get('k')).version, 1n)
    await assert.rejects(cache.set('k', 'w', { ifVersion: 9n }), { code: 'CONFLICT', message: /another version/ })
    assert.equal((await cache.delete('k', { ifVersion: 1n })).version, 2n)
    assert.equal((await cache.get('k')).found, false)
  })
})

test('a writer that fails leaves the outcome unknown, unless it says otherwise', async () => {
  const writer = {
    set: () => { throw new Error('connection lost') },
    delete: () => { throw Object.assign(new Error('read-only'), { code: 'ORIGIN_REJECTED' }) },
  }
  await using(new Cache({ loader: () => null, writer, retryLimit: 0, writeTimeout: '1s' }), async (cache) => {
    const error = await cache.set('k', 'v').then(assert.fail, (error) => error)
    assert.equal(error.code, 'UNKNOWN_OUTCOME')
    assert.equal(typeof error.idempotencyKey, 'string')
    assert.match(error.message, /connection lost/)
    await assert.rejects(cache.delete('k'), { code: 'ORIGIN_REJECTED', message: /read-only/ })
  })
})

test('without a writer, writes are unsupported', async () => {
  await using(new Cache({ loader: () => null }), async (cache) => {
    await assert.rejects(cache.set('k', 'v'), { code: 'UNSUPPORTED' })
  })
})

test('closing while a loader runs ends the reads that wait', async () => {
  const cache = new Cache({ loader: () => new Promise(() => {}), readTimeout: '30s', originTimeout: '30s' })
  const read = assert.rejects(cache.get('k'), { code: 'CLOSED' })
  const began = performance.now()
  await cache.close({ timeout: 200 })
  await read
  assert.ok(performance.now() - began < 2_000)
})
