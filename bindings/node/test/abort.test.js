'use strict'

const assert = require('node:assert/strict')
const { getEventListeners } = require('node:events')
const { test } = require('node:test')
const { AbortError, Cache } = require('..')
const { using } = require('./support/using.js')

const never = () => new Promise(() => {})
const slow = { loader: never, writer: { set: never, delete: never }, readTimeout: '10s', writeTimeout: '10s', originTimeout: '10s' }

const CALLS = {
  get: (cache, signal) => cache.get('k', { signal }),
  getMany: (cache, signal) => cache.getMany(['k', 'l'], { signal }),
  set: (cache, signal) => cache.set('k', 'v', { signal }),
  delete: (cache, signal) => cache.delete('k', { signal }),
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: an abort rejects at once`, async () => {
    const cache = new Cache(slow)
    const controller = new AbortController()
    const reason = new Error('the user left')
    const promise = call(cache, controller.signal)
    const began = performance.now()
    setTimeout(() => controller.abort(reason), 30)
    await assert.rejects(promise, (error) => {
      assert.ok(error instanceof AbortError)
      assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'ABORT_ERR', reason])
      return true
    })
    assert.ok(performance.now() - began < 1_000)
    await cache.close({ timeout: '1ms' })
  })

  test(`${name}: a signal that has fired asks nothing`, async () => {
    const cache = new Cache(slow)
    await assert.rejects(call(cache, AbortSignal.abort()), { name: 'AbortError' })
    assert.equal(cache.stats().originRequests, 0)
    await cache.close()
  })
}

test('an abort of one reader leaves the others their answer', async () => {
  let answer
  const loader = () => new Promise((resolve) => (answer = resolve))
  await using(new Cache({ loader, readTimeout: '10s', originTimeout: '10s' }), async (cache) => {
    const controller = new AbortController()
    const aborted = cache.get('k', { signal: controller.signal })
    const other = cache.get('k')
    setTimeout(() => controller.abort(), 20)
    await assert.rejects(aborted, { name: 'AbortError' })
    answer('v')
    assert.equal((await other).value.toString(), 'v')
  })
})

test('a call that ends leaves no listener on its signal', async () => {
  const { signal } = new AbortController()
  await using(new Cache({ loader: (key) => key }), async (cache) => {
    await cache.get('k', { signal })
    await cache.get('k', { signal })
    assert.deepEqual(getEventListeners(signal, 'abort'), [])
  })
})
