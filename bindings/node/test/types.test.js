'use strict'

// The types: they say what the tables of core say, and what the code does.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const native = require('../lib/native.js')
const { camel } = require('../lib/names.js')
const { generate } = require('../scripts/types.js')
const { Cache, EdgecmpError, Entry } = require('..')

const root = path.join(__dirname, '..')
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8')

test('tables.d.ts has not drifted from the tables of core', () => {
  assert.equal(read('tables.d.ts'), generate(), 'run `make types`')
})

test('the sample compiles with tsc --strict, and its misuses do not', async () => {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const project = path.join(__dirname, 'types', 'tsconfig.json')
  await promisify(execFile)(process.execPath, [tsc, '-p', project]).catch(({ stdout }) => assert.fail(stdout))
})

/** Member names of a class or interface of index.d.ts. */
function members(name) {
  const body = new RegExp(`(?:class|interface) ${name}\\b[^{]*{\\n([^]*?)\\n}`).exec(read('index.d.ts'))[1]
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+|\[Symbol\.\w+\])[?]?[(:]/gm)].map(([, member]) => member)
  return new Set(names)
}

test('index.d.ts declares the members of the classes, no more and no fewer', async () => {
  const ours = Reflect.ownKeys(Cache.prototype).map((key) => (key === Symbol.asyncDispose ? '[Symbol.asyncDispose]' : key))
  assert.deepEqual([...members('Cache')].sort(), ours.sort())
  const cache = new Cache({ origin: 'memory:' })
  const entry = await cache.get('k')
  assert.ok(entry instanceof Entry)
  const shown = Reflect.ownKeys(Entry.prototype).filter((key) => typeof key === 'string' && key !== 'constructor')
  assert.deepEqual([...members('Entry')].sort(), shown.sort())
  await cache.close()
})

test('every option of core is an option here, with its default', async () => {
  for (const { name, kind, default: standard } of native.optionTable()) {
    if (name === 'origin') continue
    const value = kind === 'prefix bounds' ? { 'a/': '5ms' } : standard
    const cache = new Cache({ origin: 'memory:', [camel(name)]: value })
    await cache.close()
  }
  const options = members('CacheOptions')
  assert.deepEqual([...options].sort(), ['loader', 'name', 'writer'])
})

test('numbers are milliseconds and bytes', () => {
  assert.throws(() => new Cache({ origin: 'memory:', stalenessBound: 5, refreshAfter: 6 }), { message: /got 6ms; allowed: at most stalenessBound = 5ms/ })
  assert.throws(() => new Cache({ origin: 'memory:', capacity: 1024 }), { message: /capacity: got 1KiB/ })
})

test('every statistic of core is in stats(), no others but hitRatio', async () => {
  const cache = new Cache({ origin: 'memory:' })
  const names = native.statisticTable().map(({ name }) => camel(name))
  assert.deepEqual(Object.keys(cache.stats()), [...names, 'hitRatio'])
  for (const value of Object.values(cache.stats())) assert.equal(typeof value, 'number')
  for (const { name, kind } of native.statisticTable()) {
    assert.match(cache.metricsText(), new RegExp(`^edgecmp_${name}${kind === 'counter' ? '_total' : ''} \\d+$`, 'm'))
  }
  await cache.close()
})

test('every error code of core has its name and retriability here', () => {
  const rows = native.codeTable()
  assert.ok(rows.some(({ name }) => name === 'UNKNOWN_OUTCOME'))
  for (const { name, retriable } of rows) {
    const error = new EdgecmpError(name, 'why')
    assert.deepEqual([error.code, error.retriable, error.name], [name, retriable, 'EdgecmpError'])
  }
})
