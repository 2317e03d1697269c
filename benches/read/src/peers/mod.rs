//! The implementations, one a file.

pub mod dashmap;
pub mod edgecmp;
pub mod edgecmp_store;
pub mod foyer;
pub mod hashmap;
pub mod moka;
pub mod origin;
pub mod papaya;
pub mod quick_cache;
pub mod scc;
pub mod two_miss;
pub mod two_miss_huge;

/// The hasher of edgecmp, for all peers (moka has a row with its own beside it):
/// faster than what some have by default.
pub type Hasher = foldhash::fast::RandomState;

/// The key of peers: what they can look up by `&[u8]` without a copy.
pub type Key = Box<[u8]>;

/// Calls `put` with all keys and values, in order of insertion.
pub fn for_each(
    n: usize,
    mut put: impl FnMut([u8; bench_common::keys::KEY], [u8; bench_common::keys::VALUE]),
) {
    for id in 0..n as u32 {
        put(bench_common::keys::key(id), bench_common::keys::value(id));
    }
}
