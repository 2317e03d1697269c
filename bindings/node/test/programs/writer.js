'use strict'

// A worker that writes a shared cache, and says what is committed.

const { parentPort, workerData } = require('node:worker_threads')
const { Cache } = require('../..')

async function main() {
  const committed = new SharedArrayBuffer(8)
  const versions = new BigUint64Array(committed)
  parentPort.postMessage(committed)
  const cache = new Cache({ name: workerData.name })
  for (let i = 0; i < workerData.writes; i++) {
    const { version } = await cache.set('k', String(i + 1))
    Atomics.store(versions, 0, version)
  }
  await cache.close()
}

main()
