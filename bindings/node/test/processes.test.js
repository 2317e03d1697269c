'use strict'

// child_process.fork and cluster start programs of their own; a cache in the
// parent must neither hinder them nor be hindered.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { run } = require('./support/programs.js')

for (const how of ['fork', 'cluster', 'spawn']) {
  test(`${how}: parent and children use caches of their own`, async () => {
    const result = await run('parent.js', [how])
    assert.deepEqual([result.code, result.signal, result.output], [0, null, '3 children read v, the parent too\n'])
  })
}
