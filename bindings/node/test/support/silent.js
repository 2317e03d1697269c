'use strict'

const { once } = require('node:events')
const net = require('node:net')

/** An origin of this environment that takes connections and says nothing; it keeps no process alive. */
async function silentOrigin() {
  const server = net.createServer((socket) => socket.unref())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return `http://127.0.0.1:${server.address().port}/items/{key}`
}

module.exports = { silentOrigin }
