'use strict'

// Runs a program of test/programs in a process of its own.

const { spawn } = require('node:child_process')
const path = require('node:path')

const PATIENCE_MS = 20_000

/** Its exit code, signal, output and how long it ran. It is killed if it hangs. */
function run(name, args = []) {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(process.execPath, [path.join(__dirname, '..', 'programs', name), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output, ms: performance.now() - began }))
  })
}

module.exports = { run }
