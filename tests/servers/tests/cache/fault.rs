//! What goes wrong, as a row of a table.

use std::time::Duration;

use crate::fleet::Fleet;

/// Longer than a session with etcd lives, and than a breaker needs to open.
const LENGTH: Duration = Duration::from_millis(2500);

/// A fault of the store `S`.
pub struct Fault<S> {
    pub name: &'static str,
    pub heals: Heals,
    pub breaks: fn(&mut S),
    /// Returns when the store itself works again.
    pub mends: fn(&mut S),
}

/// From when on leases are to be won again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Heals {
    /// As soon as `breaks` returns: the others have taken over, or nothing is away.
    Itself,
    /// When it is mended; until then no lease is won.
    Mended,
}

/// One after the other.
pub fn suffer<S>(fleet: &Fleet, store: &mut S, faults: &[Fault<S>]) {
    for fault in faults {
        let before = fleet.failures();
        (fault.breaks)(store);
        if fault.heals == Heals::Itself {
            fleet.leases_again(fault.name);
        }
        std::thread::sleep(LENGTH);
        match fault.heals {
            Heals::Itself => fleet.leases_again(&format!("{}, a while later", fault.name)),
            Heals::Mended => {
                let now = fleet.failures();
                assert!(now.iter().zip(before).all(|(now, before)| *now > before), "{}: {now:?}", fault.name);
            }
        }
        (fault.mends)(store);
        fleet.leases_again(&format!("{}, and mended", fault.name));
    }
}
