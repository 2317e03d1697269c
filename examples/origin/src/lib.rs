//! The reference origin of edgecmp: `docs/origin-protocol.md` over SQLite.
//!
//! ```text
//! main            command line
//! server          connections, start, graceful end
//! http            routes and handlers        faults (tests)
//! compare  flight  history  precondition     the formats they speak
//! writer          the one writer: group commit, idempotency, folding of events
//! document        what events add up to
//! state           the snapshot that reads see
//! database        SQLite: schema, recovery
//! item  key  problem  metrics  clock
//! ```
//!
//! The path of a write: handler -> bounded queue -> writer thread -> COMMIT -> `State::publish` ->
//! answer. The path of a read: handler -> `State`. See `state` for why that is linearizable.
//!
//! `conformance` checks any origin against the protocol, through `client`.

pub mod client;
mod clock;
mod compare;
pub mod conformance;
mod database;
mod document;
mod faults;
mod flight;
pub mod history;
mod http;
mod item;
mod key;
mod metrics;
mod precondition;
mod problem;
mod server;
mod state;
mod writer;

pub use database::{Location, OpenError};
pub use server::{Options, Server, StartError};
