'use strict'

// The reference origin (examples/origin), as a process of its own.

const { execFileSync, spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')

const root = path.join(__dirname, '..', '..')

function program() {
  const metadata = execFileSync('cargo', ['metadata', '--no-deps', '--format-version=1', '--offline'], {
    cwd: root,
    maxBuffer: 1 << 26,
  })
  const file = path.join(JSON.parse(metadata).target_directory, 'debug', 'edgecmp-origin')
  if (!fs.existsSync(file)) throw new Error('the reference origin is not built: run `make test`, or `cargo build -p edgecmp-origin`')
  return file
}

/** Starts an origin over an empty database; it ends with the test. */
async function startOrigin(t) {
  const child = spawn(program(), ['--listen', '127.0.0.1:0', '--db', ':memory:', '--faults'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [line] = await once(readline.createInterface({ input: child.stdout }), 'line')
  const base = /http:\/\/\S+/.exec(line)[0]
  const item = (key) => `${base}/items/${encodeURIComponent(key)}`
  const done = async (response) => {
    if (!response.ok) throw new Error(`the origin answered ${response.status} ${await response.text()}`)
    return response
  }
  return {
    base,
    url: `${base}/items/{key}`,
    /** Writes past the cache; returns the version. */
    async put(key, value) {
      const response = await fetch(item(key), { method: 'PUT', body: value }).then(done)
      return BigInt(response.headers.get('edge-version'))
    },
    async version(key) {
      const response = await fetch(item(key)).then(done)
      return BigInt(response.headers.get('edge-version'))
    },
    /** Makes the next requests fail; `{}` ends it. */
    async fault(fault) {
      await fetch(`${base}/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fault),
      }).then(done)
    },
  }
}

module.exports = { startOrigin }
