'use strict'

// Builds the addon with cargo and puts it beside the package's index.js.
// `node scripts/build.js [--release]`, or PROFILE=release in the environment.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const release = process.argv.includes('--release') || process.env.PROFILE === 'release'

const cargo = spawnSync(
  'cargo',
  ['build', '-p', 'edgecmp-node', '--message-format=json-render-diagnostics', ...(release ? ['--release'] : [])],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 },
)
if (cargo.error) throw cargo.error
if (cargo.status !== 0) process.exit(cargo.status ?? 1)

// Cargo says where it put the library: the target directory may be anywhere.
const built = cargo.stdout
  .toString()
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .find((message) => message.reason === 'compiler-artifact' && message.target.name === 'edgecmp_node')
const library = built.filenames.find((name) => /\.(so|dylib|dll)$/.test(name))

// By rename: a process that has the old addon mapped must not see it change.
const addon = path.join(root, `edgecmp.${process.platform}-${process.arch}.node`)
const partial = `${addon}.${process.pid}`
fs.copyFileSync(library, partial)
fs.renameSync(partial, addon)
console.log(`built ${path.basename(addon)} (${release ? 'release' : 'dev'})`)
