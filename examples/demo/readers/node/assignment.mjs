// What the demo tells a reader: arguments, key list, mix of keys.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const NAMES = ['origin', 'keys', 'mix', 'log', 'bound-ms', 'seconds', 'rate', 'seed', 'id', 'clock-offset-ns']

export function parseAssignment() {
  const options = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }]))
  const { values } = parseArgs({ options })
  const missing = NAMES.filter((name) => values[name] === undefined)
  if (missing.length > 0) throw new Error(`missing: --${missing.join(', --')}`)
  const mix = readFileSync(values.mix)
  return {
    origin: values.origin,
    keys: readFileSync(values.keys, 'utf8').split('\n').filter((key) => key !== ''),
    mix: Array.from({ length: mix.length / 4 }, (_, at) => mix.readUInt32LE(at * 4)),
    log: values.log,
    boundMs: Number(values['bound-ms']),
    seconds: Number(values.seconds),
    rate: Number(values.rate),
    seed: Number(values.seed),
    id: Number(values.id),
    clockOffset: BigInt(values['clock-offset-ns']),
  }
}

/** Line numbers of keys, for ever, from far where the other readers begin. */
export function* draws({ mix, seed, id }, worker) {
  const place = BigInt(seed) + (BigInt(id) + 1n) * 64n + BigInt(worker)
  let at = Number(BigInt.asUintN(64, place * 0x9e3779b97f4a7c15n) % BigInt(mix.length))
  for (;;) {
    yield mix[at]
    at = (at + 1) % mix.length
  }
}
