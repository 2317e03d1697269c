'use strict'

// Origins in the test's own process: one that counts, and ones that break the rules.
// That they can answer at all shows that a miss does not block the event loop.

const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')

/** An HTTP origin by `handle(request, response)`; `requests` are the URLs asked. */
async function serve(t, handle) {
  const requests = []
  const server = http.createServer((request, response) => {
    requests.push(request.url)
    handle(request, response)
  })
  return { requests, url: await listen(t, server, () => server.closeAllConnections()) }
}

/** An origin that sends what `handle(socket)` writes once a request has come. */
async function serveRaw(t, handle) {
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // The client hangs up, as it should.
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', () => handle(socket))
  })
  return { url: await listen(t, server, () => sockets.forEach((socket) => socket.destroy())) }
}

async function listen(t, server, hangUp) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    hangUp()
  })
  return `http://127.0.0.1:${server.address().port}/items/{key}`
}

module.exports = { serve, serveRaw }
