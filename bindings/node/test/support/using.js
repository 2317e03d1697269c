'use strict'

const assert = require('node:assert/strict')

/** Runs the body with a cache and closes it; everything of it must end. */
async function using(cache, body) {
  try {
    await body(cache)
  } finally {
    assert.equal(await cache.close(), true)
  }
}

module.exports = { using }
