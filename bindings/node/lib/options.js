'use strict'

// Options of a cache, of a read and of a write: JavaScript values to the text
// that core reads. Core checks forms and ranges; here only types are checked.

const native = require('./native.js')
const { camel } = require('./names.js')
const { EdgecmpError, wrongType } = require('./errors.js')

/** By type of core's table: the JavaScript types, and their text. */
const KINDS = {
  duration: { allowed: 'a string with a unit, or a number of milliseconds', text: durationText },
  size: { allowed: 'a number of bytes, or a string with a unit', text: numberText },
  integer: { allowed: 'a whole number', text: numberText },
  text: { allowed: 'a string', text: stringText },
  secret: { allowed: 'a string', text: stringText, secret: true },
  'prefix bounds': { allowed: 'an object of bounds by prefix, or a string', text: prefixBoundsText },
}

const OPTIONS = new Map(native.optionTable().map((row) => [camel(row.name), { name: row.name, kind: KINDS[row.kind] }]))
const SNAKE_NAMES = new Map(native.optionTable().map((row) => [row.name, camel(row.name)]))

function durationText(value) {
  if (typeof value === 'number') return `${value}ms`
  return stringText(value)
}

function numberText(value) {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return stringText(value)
}

function stringText(value) {
  return typeof value === 'string' ? value : undefined
}

function prefixBoundsText(value) {
  if (typeof value !== 'object' || value === null) return stringText(value)
  const pairs = Object.entries(value).map(([prefix, bound]) => {
    const text = durationText(bound)
    // A comma would begin another pair.
    if (text === undefined || prefix.includes(',')) throw wrongType('prefixBounds', KINDS['prefix bounds'].allowed, value)
    return `${prefix}=${text}`
  })
  return pairs.join(',')
}

function textOf(field, kind, value) {
  const text = kind.text(value)
  if (text === undefined) throw wrongType(field, kind.allowed, kind.secret ? typeof value : value)
  return text
}

/** Options of the constructor, as core's names and text. */
function cacheSettings(options) {
  const settings = []
  for (const [field, value] of Object.entries(options)) {
    const option = OPTIONS.get(field)
    if (option === undefined) throw unknownOption(field)
    if (value !== undefined) settings.push({ name: option.name, text: textOf(field, option.kind, value) })
  }
  return settings
}

function unknownOption(field) {
  const known = SNAKE_NAMES.get(field) ?? nearest(field, [...OPTIONS.keys(), 'name', 'loader', 'writer'])
  return new EdgecmpError('UNKNOWN_OPTION', `no option ${JSON.stringify(field)}; did you mean ${JSON.stringify(known)}?`)
}

/** The name with which the field has the longest beginning in common. */
function nearest(field, names) {
  const common = (name) => {
    let length = 0
    while (length < name.length && name[length] === field[length]) length++
    return length
  }
  return names.reduce((best, name) => (common(name) > common(best) ? name : best))
}

const READ = {
  stalenessBound: KINDS.duration,
  outageBound: KINDS.duration,
  timeout: KINDS.duration,
  minVersion: { allowed: 'a bigint, or a string', text: versionText },
  traceparent: KINDS.text,
  widen: { allowed: 'a boolean', text: (value) => (typeof value === 'boolean' ? value : undefined) },
}

const WRITE = {
  timeout: KINDS.duration,
  ifVersion: READ.minVersion,
  idempotencyKey: KINDS.text,
  traceparent: KINDS.text,
}

function versionText(value) {
  return typeof value === 'bigint' ? String(value) : stringText(value)
}

/** Options of a call as the addon takes them; `others` are read elsewhere. */
function callArguments(options, fields, others) {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options)
  const result = {}
  for (const field of Object.keys(options)) {
    const value = options[field]
    if (Object.hasOwn(fields, field)) {
      if (value !== undefined) result[field] = textOf(field, fields[field], value)
    } else if (!others.includes(field)) {
      const known = nearest(field, [...Object.keys(fields), ...others])
      throw new EdgecmpError('UNKNOWN_OPTION', `no option ${JSON.stringify(field)} of a call; did you mean ${JSON.stringify(known)}?`)
    }
  }
  return result
}

const readArguments = (options, others = ['signal']) => callArguments(options, READ, others)
const writeArguments = (options) => callArguments(options, WRITE, ['signal'])

/** The options' AbortSignal, or undefined. */
function signalOf(options) {
  const signal = options?.signal
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType('signal', 'an AbortSignal', signal)
  return signal
}

/** The text of a duration that is no option of the table. */
const durationOf = (field, value) => textOf(field, KINDS.duration, value)

module.exports = { cacheSettings, durationOf, readArguments, signalOf, writeArguments }
