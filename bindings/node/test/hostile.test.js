'use strict'

// Origins that break the rules: a clear error within the deadline, no hang, no
// memory without bound, and the cache goes on.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Cache } = require('..')
const { serveRaw } = require('./support/server.js')
const { startOrigin } = require('./support/origin.js')
const { using } = require('./support/using.js')

const head = (lines) => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n')

const ORIGINS = [
  ['garbage', (socket) => socket.end('\0\x01\x02 this is no HTTP\r\n\r\n'), /ORIGIN_PROTOCOL|ORIGIN_UNAVAILABLE/],
  ['nothing at all', (socket) => socket.end(), /ORIGIN_UNAVAILABLE/],
  ['no answer', () => {}, /DEADLINE_EXCEEDED|ORIGIN_UNAVAILABLE/],
  ['10 GB announced', (socket) => flood(socket, head(['Content-Length: 10737418240'])), /ORIGIN_PROTOCOL/],
  ['a body without end', (socket) => flood(socket, head(['Connection: close'])), /ORIGIN_PROTOCOL/],
  ['half a body', (socket) => socket.end(head(['Content-Length: 100']) + 'half'), /ORIGIN_UNAVAILABLE|ORIGIN_PROTOCOL/],
  ['a header without end', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\nX: '), /ORIGIN_PROTOCOL|ORIGIN_UNAVAILABLE/],
  ['slow-loris: a byte now and then', (socket) => drip(socket, head(['Content-Length: 1000']) + 'v'.repeat(1000)), /DEADLINE_EXCEEDED|ORIGIN_UNAVAILABLE/],
  ['a version that is none', (socket) => socket.end(head(['Edge-Version: -1', 'Content-Length: 1']) + 'v'), /ORIGIN_PROTOCOL/],
]

function flood(socket, first) {
  const chunk = Buffer.alloc(1 << 16, 'x')
  const send = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', send)
  socket.write(first)
  send()
}

function drip(socket, text) {
  let sent = 0
  const timer = setInterval(() => socket.write(text[sent++ % text.length]), 50)
  socket.on('close', () => clearInterval(timer))
}

for (const [name, handle, code] of ORIGINS) {
  test(`an origin that sends ${name}`, async (t) => {
    const server = await serveRaw(t, handle)
    await using(new Cache({ origin: server.url, readTimeout: 500, originTimeout: 400, retryLimit: 0 }), async (cache) => {
      const began = performance.now()
      const before = process.memoryUsage.rss()
      await assert.rejects(cache.get('k'), (error) => {
        assert.equal(error.name, 'EdgecmpError')
        assert.match(error.code, code)
        return true
      })
      assert.ok(performance.now() - began < 2_000)
      assert.ok(process.memoryUsage.rss() - before < 256 << 20)
    })
  })
}

test('an origin that is not there', async () => {
  await using(new Cache({ origin: 'http://127.0.0.1:1/items/{key}', retryLimit: 0 }), async (cache) => {
    await assert.rejects(cache.get('k'), { code: 'ORIGIN_UNAVAILABLE', retriable: true })
  })
})

test('after the origin came to its senses, reads go on', async (t) => {
  const origin = await startOrigin(t)
  await origin.put('k', 'v')
  await using(new Cache({ origin: origin.url, breakerCooldown: 20 }), async (cache) => {
    await origin.fault({ half_body: true, count: 100 })
    for (let i = 0; i < 10; i++) await assert.rejects(cache.get('k'), { name: 'EdgecmpError' })
    await origin.fault({})
    const patient = async () => {
      for (let tries = 0; tries < 100; tries++) {
        try {
          return await cache.get('k')
        } catch (error) {
          assert.equal(error.retriable, true)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      assert.fail('the origin is back, the cache does not ask it')
    }
    assert.equal((await patient()).value.toString(), 'v')
  })
})
