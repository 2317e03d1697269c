//! Who asks, and when: one flight per key, a gate before the origin, a lease
//! for the fleet.

pub mod flight;
pub mod gate;
pub mod lease;
