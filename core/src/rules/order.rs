//! Order: may this answer take the place of what is there? (G2, G3)

use crate::facts::clock::Instant;
use crate::facts::version::Version;

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its version.
    pub version: Version,
    /// Whether it is a negative entry.
    pub negative: bool,
    /// When the last answer that proved it arrived.
    pub received_at: Instant,
}

/// What an answer brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its version; [`Version::NONE`] for "no such key" without a version.
    pub version: Version,
    /// Whether it says that there is no such key.
    pub negative: bool,
    /// Whether the origin named the version. One of ours has no other order than
    /// that of its request.
    pub named: bool,
    /// When its request was sent, less the answer's own age: an answer that
    /// was old already says nothing of what came after.
    pub asked_at: Instant,
}

/// What to do with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It takes the place.
    Install,
    /// The same version: it proves what is there again.
    Reprove,
    /// It takes the place although its version is lower: the origin itself
    /// went back (restored from a backup). Counted as `version_regressions`.
    Regress,
    /// What is there is newer, or may be.
    Drop,
}

/// Decides by version; where the version is lower, or there is none to
/// compare, by what surely came later: a request sent *after* the present
/// answer had *arrived* was answered later, anything else may have been
/// overtaken on the way.
pub fn decide(present: Option<Present>, incoming: Incoming) -> Decision {
    let Some(present) = present else { return Decision::Install };
    let surely_later = incoming.asked_at > present.received_at;
    let unversioned = incoming.version == Version::NONE || present.version == Version::NONE;
    if unversioned && incoming.negative != present.negative {
        return if surely_later { Decision::Install } else { Decision::Drop };
    }
    match incoming.version.cmp(&present.version) {
        std::cmp::Ordering::Greater if incoming.named || surely_later => Decision::Install,
        std::cmp::Ordering::Equal if incoming.negative == present.negative => Decision::Reprove,
        // An origin that keeps no version of its deletes may answer the same
        // number for "gone" as for the value before.
        std::cmp::Ordering::Equal if surely_later => Decision::Install,
        std::cmp::Ordering::Less if surely_later => Decision::Regress,
        _ => Decision::Drop,
    }
}

/// Whether an answer counts where nothing is there that it could be compared
/// with. A write may have been, acknowledged no later than at `fence` (G3). Of an
/// answer without an age its flight knows that; one with an age has to be from after it.
pub fn may_fill(asked_at: Instant, sent_at: Instant, fence: Instant) -> bool {
    asked_at == sent_at || asked_at > fence || fence == Instant::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(version: u64, negative: bool) -> Option<Present> {
        Some(Present { version: version.into(), negative, received_at: Instant::from_nanos(10) })
    }

    fn incoming(version: u64, negative: bool, asked_at: u64) -> Incoming {
        Incoming { version: version.into(), negative, named: true, asked_at: Instant::from_nanos(asked_at) }
    }

    #[test]
    fn table_of_decisions() {
        for (there, comes, expected) in [
            (None, incoming(1, false, 5), Decision::Install),
            (present(7, false), incoming(8, false, 5), Decision::Install),
            (present(7, false), incoming(7, false, 5), Decision::Reprove),
            (present(7, false), incoming(6, false, 5), Decision::Drop),
            (present(7, false), incoming(6, false, 10), Decision::Drop),
            (present(7, false), incoming(6, false, 11), Decision::Regress),
            (present(7, false), incoming(8, true, 5), Decision::Install),
            (present(7, false), incoming(0, true, 5), Decision::Drop),
            (present(7, false), incoming(0, true, 11), Decision::Install),
            (present(0, true), incoming(0, true, 5), Decision::Reprove),
            (present(0, true), incoming(3, false, 5), Decision::Drop),
            (present(0, true), incoming(3, false, 11), Decision::Install),
            (present(7, true), incoming(6, false, 5), Decision::Drop),
            (present(7, false), incoming(7, true, 5), Decision::Drop),
            (present(7, false), incoming(7, true, 11), Decision::Install),
        ] {
            assert_eq!(decide(there, comes), expected, "{there:?} {comes:?}");
        }
    }

    /// G2: of two values that nobody numbered the later is the one that was asked for later.
    #[test]
    fn a_number_of_ours_orders_nothing_that_lags() {
        for (asked_at, expected) in [(5, Decision::Drop), (10, Decision::Drop), (11, Decision::Install)] {
            let comes = Incoming { named: false, ..incoming(8, false, asked_at) };
            assert_eq!(decide(present(7, false), comes), expected, "{asked_at}");
        }
    }

    #[test]
    fn what_fills_an_empty_place() {
        for (asked_at, sent_at, fence, may) in [
            // Without an age: the flight has seen the fence.
            (5, 5, 9, true),
            // From before the write, from its very instant, from after it.
            (8, 20, 9, false),
            (9, 20, 9, false),
            (10, 20, 9, true),
            // Older than the clock: not overtaken by a write that never was.
            (0, 20, 0, true),
        ] {
            let at = Instant::from_nanos;
            assert_eq!(may_fill(at(asked_at), at(sent_at), at(fence)), may, "{asked_at} {sent_at} {fence}");
        }
    }
}
