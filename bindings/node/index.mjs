// One implementation for both module systems: a process that uses both has
// one set of caches, and `instanceof` works across them.
import edgecmp from './index.js'

export const { Cache, Entry, EdgecmpError, AbortError } = edgecmp
export default edgecmp
