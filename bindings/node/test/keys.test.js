'use strict'

// Keys are their UTF-8 bytes. Node-API has readers that truncate or replace.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Cache } = require('..')
const { using } = require('./support/using.js')

test('different keys are different entries', async () => {
  const keys = ['A', 'Ł', 'Ā', '\u0141', 'a\0b', 'a', '\ufffd', '😀', '😁', 'k'.repeat(1023), 'k'.repeat(1024), Buffer.from([0xff]), Buffer.from([0xff, 0xfe])]
  const distinct = new Map(keys.map((key) => [Buffer.from(key).toString('hex'), key]))
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m' }), async (cache) => {
    for (const [hex, key] of distinct) await cache.set(key, hex)
    for (const [hex, key] of distinct) assert.equal((await cache.get(key)).value.toString(), hex)
    assert.equal(cache.stats().entries, distinct.size)
  })
})

test('a string and its UTF-8 bytes are one key', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m' }), async (cache) => {
    await cache.set('Łódź/😀', 'v')
    assert.equal(cache.lookup(Buffer.from('Łódź/😀')).value.toString(), 'v')
    // A view into a larger buffer: its own bytes only.
    assert.equal(cache.lookup(Buffer.from('..Łódź/😀..').subarray(2, -2)).value.toString(), 'v')
  })
})

test('lengths around the addon\'s own buffer', async () => {
  const tails = ['', 'x', 'Ł', '€', '😀', '😀😀']
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m', capacity: '64MiB' }), async (cache) => {
    for (let length = 495; length <= 520; length++) {
      for (const tail of tails) {
        const key = 'k'.repeat(length) + tail
        await cache.set(key, key)
        assert.equal(cache.lookup(Buffer.from(key)).value.toString(), key)
        assert.equal(cache.lookup(key).value.toString(), key)
      }
    }
  })
})

test('a key with U+FFFD of its own is a key', async () => {
  await using(new Cache({ origin: 'memory:', stalenessBound: '1m' }), async (cache) => {
    await cache.set('\ufffd😀', 'v')
    assert.equal(cache.lookup('\ufffd😀').value.toString(), 'v')
    assert.throws(() => cache.lookup('\ufffd\ud83d'), { code: 'INVALID_ARGUMENT' })
  })
})
