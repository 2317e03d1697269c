'use strict'

// Bad input: a clear error, before anything happens.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { AbortError, Cache, EdgecmpError } = require('..')

const INVALID = { name: 'EdgecmpError', code: 'INVALID_ARGUMENT', retriable: false }
const WRONG_TYPE = { name: 'TypeError', code: 'INVALID_ARGUMENT', retriable: false }
const UNKNOWN = { name: 'EdgecmpError', code: 'UNKNOWN_OPTION', retriable: false }
const memory = { origin: 'memory:' }

const CONSTRUCTORS = [
  ['no options', undefined, WRONG_TYPE, /^options: got undefined/],
  ['options null', null, WRONG_TYPE, /^options: got null/],
  ['no origin', {}, INVALID, /origin/],
  ['unknown option', { ...memory, stalenesBound: '1s' }, UNKNOWN, /"stalenesBound"; did you mean "stalenessBound"/],
  ['snake_case option', { ...memory, staleness_bound: '1s' }, UNKNOWN, /did you mean "stalenessBound"/],
  ['duration without unit', { ...memory, stalenessBound: '200' }, INVALID, /^stalenessBound: got "200"; allowed: a number with a unit/],
  ['duration with a bad unit', { ...memory, stalenessBound: '200 parsecs' }, INVALID, /stalenessBound: got "200 parsecs"/],
  ['bound 0', { ...memory, stalenessBound: 0 }, INVALID, /^stalenessBound: got 0s; allowed: 1ms to 365d/],
  ['bound negative', { ...memory, stalenessBound: -5 }, INVALID, /stalenessBound: got "-5ms"/],
  ['bound NaN', { ...memory, stalenessBound: NaN }, INVALID, /stalenessBound: got "NaNms"/],
  ['bound infinite', { ...memory, stalenessBound: Infinity }, INVALID, /stalenessBound/],
  ['bound out of range', { ...memory, stalenessBound: '366d' }, INVALID, /allowed: 1ms to 365d/],
  ['bound of a wrong type', { ...memory, stalenessBound: true }, WRONG_TYPE, /stalenessBound: got boolean true; allowed: a string with a unit, or/],
  ['refreshAfter past the bound', { ...memory, refreshAfter: '2s' }, INVALID, /refreshAfter: got 2s; allowed: at most stalenessBound = 1s/],
  ['size negative', { ...memory, capacity: -1 }, INVALID, /capacity/],
  ['size of a wrong type', { ...memory, capacity: [] }, WRONG_TYPE, /capacity: got Array/],
  ['integer with a fraction', { ...memory, breakerFailures: 1.5 }, INVALID, /breakerFailures: got "1.5"; allowed: a whole number/],
  ['integer out of range', { ...memory, compareBatch: 2000n }, INVALID, /compareBatch: got 2000; allowed: 1 to 1024/],
  ['text of a wrong type', { origin: new URL('http://localhost/') }, WRONG_TYPE, /origin: got URL; allowed: a string/],
  ['origin that does not parse', { origin: 'http://[' }, INVALID, /origin/],
  ['origin without {key}', { origin: 'http://localhost/items' }, INVALID, /origin/],
  ['origin of an unknown scheme', { origin: 'gopher://host/{key}' }, INVALID, /origin/],
  ['prefix bound of a wrong type', { ...memory, prefixBounds: { 'a/': null } }, WRONG_TYPE, /prefixBounds/],
  ['prefix with a comma', { ...memory, prefixBounds: { 'a,b/': 5 } }, WRONG_TYPE, /prefixBounds/],
  ['name empty', { ...memory, name: '' }, WRONG_TYPE, /name/],
  ['loader of a wrong type', { loader: 'f' }, WRONG_TYPE, /loader: got "f"; allowed: a function/],
  ['loader and origin', { ...memory, loader: () => null }, INVALID, /loader/],
  ['writer without loader', { ...memory, writer: { set() {}, delete() {} } }, INVALID, /writer/],
  ['writer without delete', { loader: () => null, writer: { set() {} } }, WRONG_TYPE, /writer/],
]

for (const [name, options, expected, message] of CONSTRUCTORS) {
  test(`new Cache: ${name}`, () => {
    assert.throws(() => new Cache(options), { ...expected, message })
  })
}

test('secrets do not appear in errors', () => {
  for (const secret of ['hunter2\n', 'hunter2\0']) {
    assert.throws(() => new Cache({ ...memory, originBearerToken: secret }), (error) => {
      return error.code === 'INVALID_ARGUMENT' && !`${error.message}${error.stack}`.includes('hunter2')
    })
  }
  assert.throws(() => new Cache({ ...memory, originBearerToken: ['hunter2'] }), (error) => {
    return error instanceof TypeError && !`${error.message}${error.stack}`.includes('hunter2')
  })
})

const KEYS = [
  ['empty', '', INVALID, /key: got 0 bytes/],
  ['empty bytes', new Uint8Array(0), INVALID, /key: got 0 bytes/],
  ['too long', 'k'.repeat(1025), INVALID, /key: got 1025 bytes; allowed: 1 to 1024 bytes/],
  ['too long in UTF-8 only', 'Ł'.repeat(513), INVALID, /key: got 1026 bytes/],
  ['a lone surrogate', 'a\ud800', INVALID, /lone surrogate/],
  ['missing', undefined, WRONG_TYPE, /key: allowed: a string or a Uint8Array/],
  ['null', null, WRONG_TYPE, /key/],
  ['a number', 7, WRONG_TYPE, /key/],
  ['an object', { toString: () => 'k' }, WRONG_TYPE, /key/],
  ['a wider array', new Uint16Array(2), WRONG_TYPE, /key/],
  ['an array buffer', new ArrayBuffer(2), WRONG_TYPE, /key/],
  ['a symbol', Symbol('k'), WRONG_TYPE, /key/],
]

for (const [name, key, expected, message] of KEYS) {
  test(`key: ${name}`, async () => {
    const cache = new Cache(memory)
    const error = { ...expected, message }
    assert.throws(() => cache.lookup(key), error)
    assert.throws(() => cache.invalidate(key), error)
    await assert.rejects(cache.get(key), error)
    const inRow = { ...expected, message: /key/ }
    await assert.rejects(cache.getMany(['good', key]), inRow)
    await assert.rejects(cache.set(key, 'v'), error)
    await assert.rejects(cache.delete(key), error)
    assert.equal(cache.stats().originRequests, 0)
    await cache.close()
  })
}

const CALLS = [
  ['options of a wrong type', (cache) => cache.get('k', 5), WRONG_TYPE, /options: got number 5/],
  ['unknown option of a read', (cache) => cache.get('k', { timeOut: 5 }), UNKNOWN, /"timeOut" of a call; did you mean "timeout"/],
  ['timeout 0', (cache) => cache.get('k', { timeout: 0 }), INVALID, /timeout/],
  ['timeout of a wrong type', (cache) => cache.get('k', { timeout: {} }), WRONG_TYPE, /timeout/],
  ['bound 0', (cache) => cache.get('k', { stalenessBound: 0 }), INVALID, /stalenessBound/],
  ['bound without unit', (cache) => cache.get('k', { stalenessBound: '5' }), INVALID, /stalenessBound: got "5"/],
  ['widen of a wrong type', (cache) => cache.get('k', { widen: 1 }), WRONG_TYPE, /widen: got number 1; allowed: a boolean/],
  ['minVersion as number', (cache) => cache.get('k', { minVersion: 5 }), WRONG_TYPE, /minVersion: got number 5; allowed: a bigint/],
  ['minVersion negative', (cache) => cache.get('k', { minVersion: -1n }), INVALID, /minVersion: got "-1"/],
  ['minVersion too large', (cache) => cache.get('k', { minVersion: 1n << 128n }), INVALID, /minVersion/],
  ['minVersion no version', (cache) => cache.get('k', { minVersion: 'x' }), INVALID, /minVersion: got "x"/],
  ['traceparent', (cache) => cache.get('k', { traceparent: 'x\r\ny: z' }), INVALID, /traceparent/],
  ['signal of a wrong type', (cache) => cache.get('k', { signal: {} }), WRONG_TYPE, /signal/],
  ['partial of a wrong type', (cache) => cache.getMany(['k'], { partial: 1 }), WRONG_TYPE, /partial/],
  ['keys missing', (cache) => cache.getMany(), WRONG_TYPE, /keys/],
  ['keys a string', (cache) => cache.getMany('key'), WRONG_TYPE, /keys: got "key"; allowed: an array of keys/],
  ['value missing', (cache) => cache.set('k'), WRONG_TYPE, /value/],
  ['value null', (cache) => cache.set('k', null), WRONG_TYPE, /value/],
  ['value an object', (cache) => cache.set('k', { a: 1 }), WRONG_TYPE, /value/],
  ['value too large', (cache) => cache.set('k', Buffer.alloc(2 << 20)), INVALID, /value/],
  ['value a lone surrogate', (cache) => cache.set('k', '\udfff'), INVALID, /lone surrogate/],
  ['idempotencyKey of a wrong type', (cache) => cache.set('k', 'v', { idempotencyKey: 5 }), WRONG_TYPE, /idempotencyKey/],
  ['idempotencyKey with a line feed', (cache) => cache.set('k', 'v', { idempotencyKey: 'a\nb' }), INVALID, /idempotency/],
  ['ifVersion no version', (cache) => cache.set('k', 'v', { ifVersion: '1.5' }), INVALID, /ifVersion: got "1.5"/],
  ['read option of a write', (cache) => cache.set('k', 'v', { minVersion: 1n }), UNKNOWN, /minVersion/],
  ['close with a bad timeout', (cache) => cache.close({ timeout: 'soon' }), INVALID, /timeout: got "soon"/],
]

for (const [name, call, expected, message] of CALLS) {
  test(`call: ${name}`, async () => {
    const cache = new Cache(memory)
    await assert.rejects(async () => call(cache), { ...expected, message })
    assert.equal(cache.stats().originRequests, 0)
    assert.equal(await cache.close(), true)
  })
}

test('lookup takes no signal: it never waits', async () => {
  const cache = new Cache(memory)
  assert.throws(() => cache.lookup('k', { signal: new AbortController().signal }), UNKNOWN)
  await cache.close()
})

test('use after close is CLOSED in every call, and close is idempotent', async () => {
  const closed = { name: 'EdgecmpError', code: 'CLOSED', retriable: false }
  const cache = new Cache(memory)
  assert.equal(cache.closed, false)
  assert.deepEqual(await Promise.all([cache.close(), cache.close()]), [true, true])
  assert.equal(await cache.close(), true)
  assert.equal(cache.closed, true)
  for (const call of [
    () => cache.lookup('k'),
    () => cache.get('k'),
    () => cache.getMany(['k']),
    () => cache.getMany([]),
    () => cache.set('k', 'v'),
    () => cache.delete('k'),
    () => cache.invalidate('k'),
    () => cache.stats(),
    () => cache.metricsText(),
  ]) {
    await assert.rejects(async () => call(), closed)
  }
})

test('a method without its cache is a TypeError, as for every class', () => {
  assert.throws(() => Cache.prototype.lookup.call({}, 'k'), TypeError)
  assert.throws(() => Cache({ origin: 'memory:' }), TypeError)
})

test('errors are instances of their classes', () => {
  assert.ok(EdgecmpError.prototype instanceof Error && AbortError.prototype instanceof Error)
  assert.throws(() => new Cache({}), EdgecmpError)
})
