'use strict'

// Workers that share a cache whose loader lives in the main thread, and have
// one of their own, terminated at moments that differ.

const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { Cache } = require('../..')

const ROUNDS = 40
const AT_ONCE = 4

const options = { name: 'churn', readTimeout: '10s' }

async function round(i) {
  const job = i % 2 === 0 ? { job: 'busy' } : { job: 'use', options: { name: 'churn' }, key: `k${i}` }
  const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData: job })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  worker.on('error', (error) => {
    console.log(error)
    process.exit(2)
  })
  setTimeout(() => worker.terminate(), (i * 7) % 150)
  await ended
}

async function main() {
  const cache = new Cache({ ...options, loader: async (key) => key })
  let next = 0
  const lane = async () => {
    while (next < ROUNDS) await round(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  const { value } = await cache.get('k')
  await cache.close()
  if (value.toString() === 'k') console.log('survived')
}

main()
