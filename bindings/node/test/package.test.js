'use strict'

// The package as npm packs it: installed elsewhere, by both module systems.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')

const exec = promisify(execFile)
const root = path.join(__dirname, '..')

test('pack, install, require and import', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'edgecmp-package-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const packed = await exec('npm', ['pack', '--json', '--offline', '--pack-destination', folder], { cwd: root })
  const [{ filename, files }] = JSON.parse(packed.stdout)
  assert.deepEqual(
    files.map((file) => file.path).filter((name) => /^(test|src|scripts|bench|node_modules)\//.test(name)),
    [],
  )
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}')
  await exec('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${filename}`], { cwd: folder })
  fs.writeFileSync(
    path.join(folder, 'use.mjs'),
    `import edgecmp, { Cache, EdgecmpError } from 'edgecmp'
     import { createRequire } from 'node:module'
     const required = createRequire(import.meta.url)('edgecmp')
     const cache = new required.Cache({ origin: 'memory:' })
     await cache.set('k', 'v')
     const { value } = await cache.get('k')
     console.log(value.toString(), required.Cache === Cache, edgecmp.EdgecmpError === EdgecmpError)`,
  )
  const { stdout } = await exec(process.execPath, ['use.mjs'], { cwd: folder })
  assert.equal(stdout, 'v true true\n')
})

test('both entry points export the same', async () => {
  const required = require('..')
  const imported = await import('../index.mjs')
  assert.deepEqual(Object.keys(imported).sort(), [...Object.keys(required), 'default'].sort())
})

test('loaded twice in one environment, both work', async () => {
  const first = require('..')
  for (const file of Object.keys(require.cache)) if (file.startsWith(root)) delete require.cache[file]
  const second = require('..')
  assert.notEqual(first.Cache, second.Cache)
  for (const { Cache } of [first, second]) {
    const cache = new Cache({ loader: async (key) => key })
    assert.equal((await cache.get('k')).value.toString(), 'k')
    await cache.close()
  }
})

test('the lock file names no registry', () => {
  const lock = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  for (const [name, { resolved }] of Object.entries(lock.packages)) assert.equal(resolved, undefined, name)
})

test('the README\'s first lines run', async () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  const code = /```js\n([^]*?)```/.exec(readme)[1]
  const { Cache } = require('..')
  const printed = []
  // The same program over an origin that needs no network.
  class Local extends Cache {
    constructor({ stalenessBound }) {
      super({ origin: 'memory:', stalenessBound })
    }
  }
  const AsyncFunction = (async () => {}).constructor
  await new AsyncFunction('require', 'console', code)(() => ({ Cache: Local }), { log: (...parts) => printed.push(parts.join(' ')) })
  assert.match(printed[0], /at most [\d.]+ ms behind, from the origin/)
})
