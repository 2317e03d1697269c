'use strict'

const SOURCES = ['cache', 'origin']
const PROOFS = ['none', 'pull', 'stream']

/** What a read returns: the value and its receipt. */
class Entry {
  constructor(value, version, stalenessMs, boundMs, source, proof, degraded, lastModifiedAt) {
    this.value = value
    this.found = value !== null
    this.version = version
    this.stalenessMs = stalenessMs
    this.boundMs = boundMs
    this.source = SOURCES[source]
    this.proof = PROOFS[proof]
    this.degraded = degraded
    this.lastModifiedAt = lastModifiedAt
  }
}

module.exports = { Entry }
