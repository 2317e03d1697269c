'use strict'

// Looks up a million times, values read and written meanwhile; memory is flat.

const { Cache } = require('../..')

async function main() {
  const cache = new Cache({ origin: 'memory:', stalenessBound: '1h' })
  const keys = Array.from({ length: 1_000 }, (_, i) => `key ${i}`)
  const round = async () => {
    await Promise.all(keys.map((key) => cache.set(key, Buffer.alloc(200, key))))
    let bytes = 0
    for (let i = 0; i < 100_000; i++) bytes += cache.lookup(keys[i % keys.length]).value.length
    if (bytes !== 20_000_000) throw new Error(`${bytes}`)
  }
  for (let i = 0; i < 3; i++) await round()
  const before = process.memoryUsage.rss()
  for (let i = 0; i < 10; i++) await round()
  const grown = process.memoryUsage.rss() - before
  await cache.close()
  if (grown > 48 << 20) throw new Error(`grown by ${grown} bytes`)
}

main()
