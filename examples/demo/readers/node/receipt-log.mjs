// The binary log of reads, as tests/oracle/src/log.rs describes it.

import { openSync, writeSync, closeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const RECORD_BYTES = 80
const KIND = { read: 0, set: 1, unknownWrite: 3 }
const OUTCOME = { ok: 0, degraded: 1, notFound: 2, error: 3 }
const SOURCE = { cache: 0, origin: 1 }
const FLAG_ABSENT = 1

// The numbers of edgecmp.h. An error without one would count as a failure without a reason.
const CODES = {
  INVALID_ARGUMENT: 10, UNKNOWN_OPTION: 11, CLOSED: 12, FORKED: 13, UNSUPPORTED: 14,
  DEADLINE_EXCEEDED: 20, CANCELLED: 21, OVERLOADED: 22,
  ORIGIN_UNAVAILABLE: 30, BREAKER_OPEN: 31, ORIGIN_PROTOCOL: 32, ORIGIN_REJECTED: 33, TOO_STALE: 34,
  VERSION_NOT_REACHED: 35, UNKNOWN_OUTCOME: 40, CONFLICT: 41, INTERNAL: 90,
}

export class ReceiptLog {
  #file
  #bound
  #pending = Buffer.alloc(RECORD_BYTES * 4096)
  #used = 0

  constructor(path, boundMs) {
    this.#file = openSync(path, 'w')
    this.#bound = BigInt(boundMs) * 1_000_000n
    const header = Buffer.from('EDGECMPLOG1\0\0\0\0\0', 'latin1')
    header.writeUInt32LE(RECORD_BYTES, 12)
    writeSync(this.#file, header)
  }

  /** `result`: an Entry, or the error that came instead of one. */
  read(key, start, end, result, reader, { outageBoundMs = 0, minVersion = 0n } = {}) {
    const record = this.#next(KIND.read, key, start, end, reader)
    record.setBigUint64(40, BigInt(outageBoundMs) * 1_000_000n, true)
    record.setBigUint64(48, minVersion, true)
    if (result instanceof Error) {
      record.setUint8(65, OUTCOME.error)
      record.setUint32(68, CODES[result.code] ?? 0, true)
      return
    }
    const { value, degraded } = result
    const found = value !== null
    record.setBigUint64(16, BigInt(Math.ceil(result.stalenessMs * 1e6)), true)
    record.setBigUint64(24, result.version, true)
    record.setUint32(60, found ? crc32(value) : 0, true)
    record.setUint8(65, degraded ? OUTCOME.degraded : found ? OUTCOME.ok : OUTCOME.notFound)
    record.setUint8(66, SOURCE[result.source])
    record.setUint8(67, degraded && !found ? FLAG_ABSENT : 0)
  }

  /** `result`: a WriteReceipt, or the error that came instead of one. */
  write(key, start, end, value, result, reader) {
    const failed = result instanceof Error
    const record = this.#next(failed ? KIND.unknownWrite : KIND.set, key, start, end, reader)
    record.setBigUint64(24, failed ? 0n : result.version, true)
    record.setUint32(60, crc32(value), true)
    record.setUint32(68, failed ? (CODES[result.code] ?? 0) : 0, true)
  }

  #next(kind, key, start, end, reader) {
    if (this.#used === this.#pending.length) this.flush()
    const { buffer, byteOffset } = this.#pending
    const record = new DataView(buffer, byteOffset + this.#used, RECORD_BYTES)
    this.#pending.fill(0, this.#used, this.#used + RECORD_BYTES)
    this.#used += RECORD_BYTES
    record.setBigUint64(0, start, true)
    record.setBigUint64(8, end, true)
    record.setBigUint64(32, this.#bound, true)
    record.setUint32(56, key, true)
    record.setUint8(64, kind)
    record.setUint32(72, reader, true)
    return record
  }

  flush() {
    writeSync(this.#file, this.#pending, 0, this.#used)
    this.#used = 0
  }

  close() {
    this.flush()
    closeSync(this.#file)
  }
}
