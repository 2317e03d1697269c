//! Who asks, and when: one flight per key, a gate before the origin, a lease
//! for the fleet; and whose answers come too late.

pub mod fences;
pub mod flight;
pub mod gate;
pub mod lease;
