'use strict'

// The cases of tests/vectors, which every language runs.

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const path = require('node:path')
const test = require('node:test')
const { Cache } = require('..')

const vectors = (name) =>
  JSON.parse(readFileSync(path.join(__dirname, '..', '..', '..', 'tests', 'vectors', name), 'utf8'))
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())

for (const { option, value, error, says = '' } of vectors('options.json')) {
  test(`option ${option}=${value}`, async () => {
    const open = () => new Cache({ origin: 'memory:', [camel(option)]: value })
    if (!error) {
      await open().close()
      return
    }
    assert.throws(open, (thrown) => {
      assert.equal(thrown.code, error)
      // Options are named as Node writes them.
      const named = says.replace(/[a-z]+(_[a-z]+)+/g, camel)
      assert.ok(thrown.message.includes(named), `${thrown.message} has no ${named}`)
      return true
    })
  })
}

async function run(cache, step) {
  const key = step.key_bytes ? 'k'.repeat(step.key_bytes) : step.key
  const options = {}
  if (step.idempotency_key) options.idempotencyKey = step.idempotency_key
  if (step.min_version !== undefined) options.minVersion = BigInt(step.min_version)
  if (step.if_version !== undefined) options.ifVersion = BigInt(step.if_version)
  switch (step.call) {
    case 'set':
      return cache.set(key, step.value, options)
    case 'get':
      return cache.get(key, options)
    case 'close':
      return cache.close()
    default:
      return cache[step.call](key)
  }
}

for (const { name, steps } of vectors('calls.json')) {
  test(name, async () => {
    const cache = new Cache({ origin: 'memory:' })
    for (const step of steps) {
      const about = JSON.stringify(step)
      if (step.error) {
        await assert.rejects(run(cache, step), { code: step.error }, about)
        continue
      }
      const outcome = await run(cache, step)
      if (step.call === 'lookup') assert.equal(outcome === null, step.miss ?? false, about)
      if ('version' in step) assert.equal(outcome.version, BigInt(step.version), about)
      if ('found' in step) assert.equal(outcome.found, step.found, about)
      if ('source' in step) assert.equal(outcome.source, step.source, about)
      if ('value' in step && step.call !== 'set') assert.equal(outcome.value.toString(), step.value, about)
    }
    await cache.close()
  })
}
