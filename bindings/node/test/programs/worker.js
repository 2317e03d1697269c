'use strict'

// What a worker thread of the tests does.

const { parentPort, workerData } = require('node:worker_threads')
const { Cache } = require('../..')
const { silentOrigin } = require('../support/silent.js')

const patient = { readTimeout: '30s', originTimeout: '30s', writeTimeout: '30s' }
const never = () => new Promise(() => {})

const JOBS = {
  async use({ options, key = 'k' }) {
    const cache = new Cache(options)
    if (options.origin === 'memory:') await cache.set(key, 'v')
    const { value } = await cache.get(key)
    globalThis.open = cache
    return value.toString()
  },
  async 'stuck-origin'() {
    const cache = new Cache({ origin: await silentOrigin(), ...patient })
    for (let i = 0; i < 100; i++) cache.get(`k${i}`)
    return 'stuck'
  },
  'stuck-loader'() {
    const cache = new Cache({ loader: never, ...patient })
    for (let i = 0; i < 100; i++) cache.get(`k${i}`)
    return 'stuck'
  },
  'stuck-writer'() {
    const cache = new Cache({ loader: never, writer: { set: never, delete: never }, ...patient })
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, 'v')
    return 'stuck'
  },
  // Completions arrive all the time: also while the environment ends.
  busy() {
    const cache = new Cache({ loader: (key) => key, ...patient })
    const read = (i) => cache.get(`k${i}`).then(() => read(i + 50))
    for (let i = 0; i < 50; i++) read(i)
    return 'busy'
  },
  serve({ options }) {
    const loader = (key) => (key === 'stuck' ? never() : `${key} by the worker`)
    globalThis.open = new Cache({ loader, ...options })
    parentPort.ref() // stays
    parentPort.on('message', () => {})
    return 'serving'
  },
}

Promise.resolve(JOBS[workerData.job](workerData)).then((result) => parentPort.postMessage(result))
