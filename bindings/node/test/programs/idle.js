'use strict'

// Ends by itself, with a cache open: nothing here keeps the loop alive.

const { Cache } = require('../..')

const CASES = {
  unused: () => new Cache({ origin: 'memory:' }),
  async used() {
    const cache = new Cache({ origin: 'memory:', stalenessBound: '50ms' })
    await cache.set('k', 'v')
    await cache.get('k')
    await new Promise((resolve) => setTimeout(resolve, 30))
    cache.lookup('k') // asks for a refresh
    return cache
  },
  async loader() {
    const cache = new Cache({ loader: (key) => key })
    await cache.get('k')
    return cache
  },
  async shared() {
    const cache = new Cache({ name: 'idle', origin: 'memory:' })
    await cache.get('k')
    return cache
  },
  async aborted() {
    const cache = new Cache({ loader: () => new Promise(() => {}), readTimeout: '30s', originTimeout: '30s' })
    await cache.get('k', { signal: AbortSignal.timeout(20) }).catch(() => {})
    return cache
  },
}

Promise.resolve(CASES[process.argv[2]]()).then((cache) => {
  globalThis.open = cache
  console.log('done')
})
