'use strict'

// Writes tables.d.ts: the types that derive from core's tables of options,
// error codes and statistics. A test fails when the file has drifted.

const fs = require('node:fs')
const path = require('node:path')
const native = require('../lib/native.js')
const { camel } = require('../lib/names.js')

const TYPES = {
  duration: 'Duration',
  size: 'Size',
  integer: 'number | bigint',
  text: 'string',
  secret: 'string',
  'prefix bounds': 'string | Record<string, Duration>',
}

const SNAKE_NAMES = native.optionTable().map(({ name }) => name).filter((name) => name.includes('_'))
const readable = (doc) => doc.replace(new RegExp(`\\b(?:${SNAKE_NAMES.join('|')})\\b`, 'g'), camel).replaceAll('*/', '*\u200b/')

function comment(text, indent) {
  return `${indent}/** ${readable(text).trim().replaceAll(/\s*\n\s*/g, ' ')} */\n`
}

function options() {
  const fields = native.optionTable().map(({ name, kind, default: standard, min, max, doc }) => {
    const notes = [standard === '' ? undefined : `Default ${standard}`, min === '' ? undefined : `from ${min} to ${max}`]
    const note = notes.filter(Boolean).join(', ')
    return `${comment(note === '' ? doc : `${doc} ${note}.`, '  ')}  ${camel(name)}?: ${TYPES[kind]} | undefined\n`
  })
  return `/** The options of core's table. */\nexport interface TableOptions {\n${fields.join('')}}\n`
}

function codes() {
  const rows = native.codeTable().map(({ name, retriable, doc }) => {
    return `${comment(`${doc} ${retriable ? 'Retriable.' : 'Not retriable.'}`, '  ')}  | '${name}'\n`
  })
  return `/** Why a call failed. */\nexport type Code =\n${rows.join('')}`
}

function statistics() {
  const fields = native.statisticTable().map(({ name, kind, unit, doc }) => {
    return `${comment(`${doc} (${kind}${unit === '1' ? '' : `, ${unit}`})`, '  ')}  readonly ${camel(name)}: number\n`
  })
  return `/** The statistics of core's table, at one moment. */\nexport interface TableStatistics {\n${fields.join('')}}\n`
}

function generate() {
  return [
    "// Written by scripts/types.js from core's tables: do not edit.\n",
    "import type { Duration, Size } from './index'\n",
    options(),
    codes(),
    statistics(),
  ].join('\n')
}

if (require.main === module) {
  fs.writeFileSync(path.join(__dirname, '..', 'tables.d.ts'), generate())
}

module.exports = { generate }
