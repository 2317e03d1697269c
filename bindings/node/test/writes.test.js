'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Cache } = require('..')
const { startOrigin } = require('./support/origin.js')
const { using } = require('./support/using.js')

test('a write is committed at the origin, and read back at once', async (t) => {
  const origin = await startOrigin(t)
  await using(new Cache({ origin: origin.url, stalenessBound: '10s' }), async (cache) => {
    await cache.get('k')
    const receipt = await cache.set('k', 'zażółć')
    assert.equal(typeof receipt.idempotencyKey, 'string')
    assert.equal(receipt.version, await origin.version('k'))
    const entry = await cache.get('k')
    assert.deepEqual([entry.value.toString(), entry.version], ['zażółć', receipt.version])

    const deleted = await cache.delete('k')
    assert.ok(deleted.version > receipt.version)
    assert.equal((await cache.get('k')).found, false)
    const { writes } = cache.stats()
    assert.equal(writes, 2)
  })
})

test('ifVersion: a conflict writes nothing', async (t) => {
  const origin = await startOrigin(t)
  await using(new Cache({ origin: origin.url }), async (cache) => {
    const first = await cache.set('k', 'one')
    const second = await cache.set('k', 'two', { ifVersion: first.version })
    const conflict = { name: 'EdgecmpError', code: 'CONFLICT', retriable: false }
    await assert.rejects(cache.set('k', 'three', { ifVersion: first.version }), conflict)
    await assert.rejects(cache.delete('k', { ifVersion: first.version }), conflict)
    assert.equal(await origin.version('k'), second.version)
  })
})

test('a lost answer is UNKNOWN_OUTCOME, and the retry with its key does not write twice', async (t) => {
  const origin = await startOrigin(t)
  await using(new Cache({ origin: origin.url, stalenessBound: '1m', writeTimeout: '2s' }), async (cache) => {
    const before = await cache.set('k', 'before')
    await origin.fault({ drop_answer: true, method: 'PUT', count: 100 })
    const error = await cache.set('k', 'after').then(assert.fail, (error) => error)
    assert.deepEqual([error.name, error.code, error.retriable], ['EdgecmpError', 'UNKNOWN_OUTCOME', true])
    assert.equal(typeof error.idempotencyKey, 'string')

    await origin.fault({})
    // What the cache held is no longer proved: the write may have happened, and it has.
    const entry = await cache.get('k')
    assert.deepEqual([entry.source, entry.value.toString()], ['origin', 'after'])
    const written = entry.version
    assert.ok(written > before.version)

    const { idempotencyKey } = error
    const receipt = await cache.set('k', 'after', { idempotencyKey })
    assert.deepEqual(receipt, { version: written, idempotencyKey })
    assert.equal(await origin.version('k'), written)
    assert.equal(cache.stats().unknownOutcomes, 1)
  })
})

test('invalidate: the next read asks the origin', async (t) => {
  const origin = await startOrigin(t)
  await origin.put('k', 'one')
  await using(new Cache({ origin: origin.url, stalenessBound: '1m' }), async (cache) => {
    await cache.get('k')
    await origin.put('k', 'two')
    assert.equal(cache.invalidate('k'), undefined)
    assert.equal(cache.lookup('k'), null)
    assert.equal((await cache.get('k')).value.toString(), 'two')
  })
})

test('many writes at once', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m' }), async (cache) => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `key/${i}`)
    const receipts = await Promise.all(keys.map((key) => cache.set(key, key)))
    assert.equal(new Set(receipts.map(({ version }) => version)).size, keys.length)
    const entries = await cache.getMany(keys)
    assert.deepEqual(entries.map(({ value }) => value.toString()), keys)
  })
})
