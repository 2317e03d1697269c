'use strict'

const { Cache } = require('./lib/cache.js')
const { Entry } = require('./lib/entry.js')
const { EdgecmpError, AbortError } = require('./lib/errors.js')

module.exports = { Cache, Entry, EdgecmpError, AbortError }
