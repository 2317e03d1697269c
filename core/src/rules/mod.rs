//! Policy: pure functions and small state machines. No locks that wait, no
//! threads, no I/O, no clock of their own: `now` comes in as an argument.

pub mod backoff;
pub mod breaker;
pub mod freshness;
pub mod hotness;
pub mod lead;
pub mod order;
pub mod prefetch_budget;
pub mod ramp;
pub mod retry_budget;
pub mod slots;
pub mod turns;
pub mod window;
