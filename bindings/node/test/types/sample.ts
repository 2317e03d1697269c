// Compiled by test/types.test.js with `tsc --strict`; never run.
import edgecmp, { AbortError, Cache, EdgecmpError, Entry } from 'edgecmp'
import type { CacheOptions, Code, Loader, Statistics, WriteReceipt, Writer } from 'edgecmp'

const options: CacheOptions = {
  origin: 'https://api.example.com/items/{key}',
  stalenessBound: '200ms',
  readTimeout: 50,
  capacity: 1 << 26,
  originConcurrency: 8n,
  prefixBounds: { 'prices/': '50ms', 'static/': 10_000 },
  name: 'dash',
}

const rows = new Map<string, { value: string; version: bigint }>()
const loader: Loader = async (key, { version, signal }) => {
  signal.throwIfAborted()
  const row = rows.get(typeof key === 'string' ? key : key.toString('hex'))
  return row === undefined ? null : row.version === version ? { unchanged: true } : row
}
const writer: Writer = {
  set: (key, value, { idempotencyKey, ifVersion }) => (ifVersion ?? 0n) + BigInt(value.length + key.length + idempotencyKey.length),
  delete: async () => {},
}

async function main(): Promise<void> {
  await using cache = new Cache(options)
  const entry: Entry = await cache.get('k', { minVersion: 1n, timeout: '50ms', signal: AbortSignal.timeout(10) })
  const value: Buffer | null = entry.value
  const version: bigint = entry.version
  const source: 'cache' | 'origin' = entry.source
  const modified: number | undefined = entry.lastModifiedAt?.getTime()
  const found: Entry | null = cache.lookup(new Uint8Array(1), { stalenessBound: 5, widen: true })
  const many: Entry[] = await cache.getMany(['a', Buffer.from('b')])
  const partial: (Entry | EdgecmpError)[] = await cache.getMany(new Set(['a']), { partial: true })
  const receipt: WriteReceipt = await cache.set('k', 'v', { ifVersion: version, idempotencyKey: 'once' })
  const stats: Statistics = cache.stats()
  const ratio: number = stats.hitRatio + stats.degradedReads
  const ended: boolean = await cache.close({ timeout: '1s' })
  try {
    await new edgecmp.Cache({ loader, writer }).delete('k')
  } catch (error) {
    if (error instanceof EdgecmpError) {
      const code: Code = error.code
      const key: string | undefined = error.code === 'UNKNOWN_OUTCOME' ? error.idempotencyKey : undefined
      console.log(code, key, error.retriable)
    } else if (error instanceof AbortError) console.log(error.cause)
  }
  console.log(value, source, modified, found, many, partial, receipt, ratio, ended)
}

// What must not compile.
async function misuse(cache: Cache, entry: Entry): Promise<void> {
  // @ts-expect-error an option that does not exist
  new Cache({ origin: 'memory:', stalenesBound: '1s' })
  // @ts-expect-error a duration is no boolean
  new Cache({ stalenessBound: true })
  // @ts-expect-error a key is text or bytes
  cache.lookup(5)
  // @ts-expect-error lookup never waits: it takes no signal
  cache.lookup('k', { signal: AbortSignal.abort() })
  // @ts-expect-error versions are bigint
  await cache.get('k', { minVersion: 5 })
  // @ts-expect-error entries are read-only
  entry.version = 1n
  // @ts-expect-error entries come from reads
  new Entry()
  // @ts-expect-error the origin may not have the key
  entry.value.toString()
  // @ts-expect-error a loader gives bytes, not numbers
  new Cache({ loader: () => 5 })
  // @ts-expect-error no such code
  const code: Code = 'ORIGIN_GONE'
  console.log(code)
}

main().then(() => misuse)
