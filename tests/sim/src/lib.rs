//! Deterministic simulation of edgecmp: one seed decides every step of every
//! task, every moment of the clock, every fault of the network, and so can be
//! run again. After the run the oracle judges each read by the history of the
//! simulated origin, and invariants are checked that no history shows.
//!
//! ```text
//! run        one seed: builds the parts, lets them collide, asks for the verdict
//! judge      the history and the reads in the oracle's terms; G5
//! chaos      who disturbs: outages, suspends, stalls, restarts, other writers
//! client     who reads and writes
//! node       a cache that can be restarted
//! lease      a lease store that fails
//! origin     the system of record, and the network before it
//! env        core's port to time, tasks and chance
//! plan       what a seed chose: options, faults, size
//! world      virtual time, the executor, the trace
//! fault rng  what can go wrong; chance
//! ```

pub mod chaos;
pub mod client;
pub mod env;
pub mod fault;
pub mod judge;
pub mod lease;
pub mod node;
pub mod origin;
pub mod plan;
pub mod rng;
pub mod run;
pub mod world;

pub use fault::{Fault, OUTCOMES};
pub use plan::{Plan, Sabotage};
pub use run::{Outcome, run};
