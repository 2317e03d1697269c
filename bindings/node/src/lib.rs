//! The native half of the Node package `edgecmp`.
//!
//! JavaScript (`lib/`) holds the classes, promises and checks; this crate
//! holds the caches. They meet in plain functions over numbers:
//!
//! ```text
//!   lib/cache.js ── calls ──> reads, writes, lifecycle    (functions, a handle each)
//!        ▲                         │
//!        │                         ├── page, shown: receipts and values, written
//!        │                         │   once into memory that JavaScript owns
//!        │                         ▼
//!   lib/environment.js <── mailbox ── core's runtime thread (completions, loader calls)
//! ```
//!
//! - A hit returns a row of the present page; value and receipt are in it: no
//!   JavaScript object is made here, which would cost more than the lookup.
//! - A miss returns a call id. Its completion is pushed into the mailbox of the
//!   environment by the runtime thread, which never touches JavaScript; one
//!   wake-up of the event loop drains a batch.
//! - All state belongs to one environment (`environment.rs`) and ends with it.
//!   The one exception is the registry of caches shared by name, which holds
//!   nothing of any environment.

mod arena;
mod arguments;
mod boundary;
mod environment;
mod events;
mod hot;
mod lifecycle;
mod loader;
mod loads;
mod mailbox;
mod page;
mod reads;
mod registry;
mod shown;
mod tables;
mod writes;
