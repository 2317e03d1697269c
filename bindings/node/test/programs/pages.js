'use strict'

// Reads many keys that are not read again, and now and then one that is: the
// rows that are remembered of those keep their pages, of which the others had
// the most. They stay within what is remembered at all.

const v8 = require('node:v8')
const vm = require('node:vm')
const { Cache } = require('../..')

v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

async function main() {
  const value = Buffer.alloc(4096)
  const cache = new Cache({ loader: () => ({ value, version: 1n }), stalenessBound: '1h', capacity: '4MiB' })
  let hits = 0
  for (let i = 0; i < 8_000; i++) {
    await Promise.all([0, 1, 2, 3].map((j) => cache.get(`key ${i} ${j}`)))
    if (cache.lookup(`key ${i} 0`) !== null) hits++
    cache.lookup(`key ${i} 0`)
  }
  gc()
  const { arrayBuffers } = process.memoryUsage()
  await cache.close()
  // The memory of collected buffers is given back by and by.
  let left
  for (let i = 0; i < 100; i++) {
    gc()
    left = process.memoryUsage().arrayBuffers
    if (left <= 4 << 20) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (left > 4 << 20) throw new Error(`${left} bytes of pages after the last close`)
  if (hits < 7_000) throw new Error(`${hits} hits`)
  if (arrayBuffers > 80 << 20) throw new Error(`${arrayBuffers} bytes of pages`)
}

main()
