'use strict'

// Calls in flight when the process ends, one way or the other.

const { Cache } = require('../..')
const { silentOrigin } = require('../support/silent.js')

const patient = { readTimeout: '30s', originTimeout: '30s', writeTimeout: '30s' }
const never = () => new Promise(() => {})

// Nothing else holds the loop here: the loader's timer does not.
const late = () => new Promise((resolve) => setTimeout(resolve, 300, 'v').unref())

const exit = () =>
  setTimeout(() => {
    console.log('exiting')
    process.exit()
  }, 50)

const CASES = {
  async wait() {
    const cache = new Cache({ loader: late, ...patient })
    const { value } = await cache.get('k')
    console.log(`answered ${value}`)
  },
  async exit() {
    const cache = new Cache({ origin: await silentOrigin(), ...patient })
    for (let i = 0; i < 100; i++) cache.get(`k${i}`)
    exit()
  },
  'exit-loader'() {
    const cache = new Cache({ loader: never, writer: { set: never, delete: never }, ...patient })
    for (let i = 0; i < 100; i++) cache.get(`k${i}`)
    cache.set('k', 'v')
    exit()
  },
  'exit-closing'() {
    const cache = new Cache({ loader: never, writer: { set: never, delete: never }, ...patient })
    cache.set('k', 'v').catch(() => {})
    setTimeout(() => cache.close({ timeout: '30s' }), 20)
    exit()
  },
  throw() {
    const cache = new Cache({ loader: never, ...patient })
    cache.get('k')
    setTimeout(() => {
      throw new Error('as the test wants')
    }, 50)
  },
}

CASES[process.argv[2]]()
