'use strict'

// A cache that is dropped unclosed gives its memory and its share back.

const v8 = require('node:v8')
const vm = require('node:vm')
const { Cache } = require('../..')

v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

// The name is free again once the only share of it is collected.
new Cache({ name: 'once', origin: 'memory:', stalenessBound: '1s' })

async function main() {
  for (let tries = 0; tries < 100; tries++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
    try {
      new Cache({ name: 'once', origin: 'memory:', stalenessBound: '2s' })
      console.log('collected')
      process.exit()
    } catch (error) {
      if (error.code !== 'INVALID_ARGUMENT') throw error
    }
  }
  console.log('never collected')
}

main()
