'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { Cache } = require('..')
const { serve } = require('./support/server.js')
const { run } = require('./support/programs.js')

const PROGRAM = path.join(__dirname, 'programs', 'worker.js')

function start(job) {
  const worker = new Worker(PROGRAM, { workerData: job })
  return { worker, message: once(worker, 'message').then(([message]) => message), exit: once(worker, 'exit').then(([code]) => code) }
}

test('a worker that used a cache ends cleanly, its cache open', async () => {
  for (let round = 0; round < 5; round++) {
    const { message, exit } = start({ job: 'use', options: { origin: 'memory:' } })
    assert.equal(await message, 'v')
    assert.equal(await exit, 0)
  }
})

test('terminate() in mid-flight, of reads, writes and loaders', async () => {
  for (const job of ['stuck-origin', 'stuck-loader', 'stuck-writer', 'busy']) {
    const { worker, message, exit } = start({ job })
    await message
    await worker.terminate()
    assert.equal(await exit, 1, job)
  }
})

test('many workers that come and go, terminated at any moment', async () => {
  const result = await run('churn.js')
  assert.deepEqual([result.code, result.signal, result.output], [0, null, 'survived\n'])
})

test('a shared cache is one cache: one request for all threads', async (t) => {
  const server = await serve(t, (_, response) => setTimeout(() => response.end('v'), 100))
  const options = { name: 'shared/one', origin: server.url, stalenessBound: '1m', readTimeout: '10s' }
  const cache = new Cache(options)
  const workers = Array.from({ length: 4 }, () => start({ job: 'use', options, key: 'shared' }))
  assert.deepEqual(await Promise.all(workers.map(({ message }) => message)), ['v', 'v', 'v', 'v'])
  assert.deepEqual(server.requests, ['/items/shared'])
  assert.equal(cache.lookup('shared').value.toString(), 'v')
  assert.deepEqual(await Promise.all(workers.map(({ exit }) => exit)), [0, 0, 0, 0])
  // The workers gave their shares up; ours holds the cache.
  assert.equal(cache.lookup('shared').value.toString(), 'v')
  await cache.close()
})

test('another share of a name: the same options, or the name alone', async () => {
  const options = { name: 'shared/options', origin: 'memory:', stalenessBound: '1s', originBearerToken: 'one' }
  const first = new Cache(options)
  const second = new Cache(options)
  const third = new Cache({ name: options.name })
  await first.set('k', 'v')
  assert.equal((await second.get('k')).value.toString(), 'v')
  assert.equal((await third.get('k')).value.toString(), 'v')
  const differing = [
    [{ stalenessBound: '2s' }, /stalenessBound: got 2s; allowed: 1s, with which the shared cache "shared\/options" is open/],
    [{ originBearerToken: 'two' }, /secret option differs/],
    [{ origin: undefined, loader: () => null }, /origin/],
  ]
  for (const [change, message] of differing) {
    assert.throws(() => new Cache({ ...options, ...change }), { code: 'INVALID_ARGUMENT', message })
  }
  await first.close()
  await assert.rejects(first.get('k'), { code: 'CLOSED' })
  assert.equal((await second.get('k')).value.toString(), 'v')
  await second.close()
  await third.close()
  // The last share ended it: the name is free.
  const fourth = new Cache({ ...options, stalenessBound: '5s' })
  assert.equal(fourth.lookup('k'), null)
  await fourth.close()
  assert.throws(() => new Cache({ name: 'shared/nobody' }), { code: 'INVALID_ARGUMENT', message: /origin/ })
})

test('a loader of another thread answers; when that ends, calls fail and say so', async () => {
  const name = 'shared/loader'
  const options = { readTimeout: '10s', originTimeout: '10s', retryLimit: 0, breakerFailures: 0 }
  const { worker, message, exit } = start({ job: 'serve', options: { name, ...options } })
  assert.equal(await message, 'serving')
  const cache = new Cache({ name })
  assert.equal((await cache.get('k')).value.toString(), 'k by the worker')

  const began = performance.now()
  const stuck = assert.rejects(cache.get('stuck'), { code: 'ORIGIN_UNAVAILABLE', message: /environment that runs the loader has ended/ })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await worker.terminate()
  await exit
  await stuck
  await assert.rejects(cache.get('later'), { code: 'ORIGIN_UNAVAILABLE', message: /environment that runs the loader has ended/ })
  assert.ok(performance.now() - began < 5_000)

  // Another environment may bring a loader: here, this one.
  const ours = new Cache({ name, loader: (key) => `${key} by us`, ...options })
  assert.equal((await cache.get('l')).value.toString(), 'l by us')
  await ours.close()
  await cache.close()
})
