//! An origin over HTTP, in this process, that can be told what to do wrong, and
//! the history by which what caches say of it is judged.
//!
//! For the tests of core and for `benches/faults`. It depends on nothing of
//! edgecmp: it knows the protocol from `docs/origin-protocol.md` alone.

mod history;
mod origin;
mod wire;

use std::sync::LazyLock;
use std::time::Instant;

pub use history::{History, Judged, key, value};
pub use origin::{Mode, Origin};

/// Nanoseconds since the first call in this process: the time of the history,
/// and of whoever wants to be judged by it.
pub fn nanos() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}
