'use strict'

// The end of a process, with a cache open in every state.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { run } = require('./support/programs.js')

/** Long for a process to end by itself, short for a read's deadline of 30 s. */
const PROMPT_MS = 8_000

const CASES = [
  ['an idle cache that was never used', 'idle.js', ['unused'], /^done\n$/],
  ['an idle cache with entries and refreshes', 'idle.js', ['used'], /^done\n$/],
  ['an idle cache with a loader', 'idle.js', ['loader'], /^done\n$/],
  ['an idle shared cache', 'idle.js', ['shared'], /^done\n$/],
  ['an idle cache after an aborted call', 'idle.js', ['aborted'], /^done\n$/],
  ['a pending read keeps the process until it ends', 'pending.js', ['wait'], /^answered v\n$/],
  ['process.exit with reads in flight', 'pending.js', ['exit'], /^exiting\n$/],
  ['process.exit with a loader in flight', 'pending.js', ['exit-loader'], /^exiting\n$/],
  ['process.exit while closing', 'pending.js', ['exit-closing'], /^exiting\n$/],
  ['an uncaught exception with reads in flight', 'pending.js', ['throw'], /Error: as the test wants/, 1],
]

for (const [name, program, args, output, code = 0] of CASES) {
  test(name, async () => {
    const result = await run(program, args)
    assert.match(result.output, output)
    assert.deepEqual([result.code, result.signal], [code, null], result.output)
    assert.ok(result.ms < PROMPT_MS, `${result.ms} ms`)
  })
}

test('caches that nobody closed are collected', async () => {
  const result = await run('collected.js')
  assert.deepEqual([result.code, result.output], [0, 'collected\n'])
})
