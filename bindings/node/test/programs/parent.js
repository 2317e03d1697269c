'use strict'

const { fork, spawn } = require('node:child_process')
const cluster = require('node:cluster')
const { once } = require('node:events')
const { Cache } = require('../..')

const CHILDREN = 3

async function read() {
  const cache = new Cache({ origin: 'memory:' })
  await cache.set('k', 'v')
  return (await cache.get('k')).value.toString()
}

const STARTS = {
  fork: () => fork(__filename, ['child']),
  cluster() {
    cluster.setupPrimary({ args: ['child'] })
    return cluster.fork()
  },
  spawn: () => spawn(process.execPath, [__filename, 'child'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
}

async function parent(how) {
  const cache = new Cache({ loader: async (key) => key })
  await cache.get('before')
  const children = Array.from({ length: CHILDREN }, STARTS[how])
  const answers = children.map(async (child) => {
    const exited = once(child, 'exit')
    const [message] = await once(child, 'message')
    const [code] = await exited
    return code === 0 && message === 'v'
  })
  const { value } = await cache.get('during')
  const good = (await Promise.all(answers)).filter(Boolean).length
  console.log(`${good} children read v, the parent ${value.toString() === 'during' ? 'too' : 'not'}`)
}

async function child() {
  process.send(await read(), () => process.disconnect())
}

if (process.argv.includes('child')) child()
else parent(process.argv[2])
