//! edgecmp: the edge-compare cache for real-time analytics.
//!
//! An in-process cache node that compares versions with the origin instead of
//! trusting a TTL. Every read says how old its answer can be, and never returns
//! one older than the bound asked for.
//!
//! ```
//! use edgecmp::{Cache, Options, ReadOptions, WriteOptions};
//!
//! let mut options = Options::default();
//! options.set("origin", "memory:")?;
//! options.set("staleness_bound", "200ms")?;
//! let cache = Cache::open(options)?;
//!
//! cache.set(b"carrier/UA", b"{\"delayed\":17}", &WriteOptions::default())?;
//! let value = cache.get(b"carrier/UA", &ReadOptions::default())?;
//! assert_eq!(value.bytes(), Some(&b"{\"delayed\":17}"[..]));
//! assert!(value.receipt().staleness.as_millis() <= 200);
//! # Ok::<(), edgecmp::Error>(())
//! ```
//!
//! # Layers
//!
//! Arrows go down only; `tests/layers.rs` keeps it so.
//!
//! ```text
//!  cache          facade: lookup, get, get_many, set, delete, close
//!  engine         runtime thread, completion queue, wake-ups, fork generation
//!  work           fetch, compare, line, refresh, sweep, write, install (decide what to do)
//!  coordination   flight, fences, gate, lease
//!  ports          env  origin/{memory,callback,http}  lease_store/{embedded,etcd,redis}  change_stream
//!  store          table, shard, eviction
//!  rules          freshness, order, backoff, breaker, window, ramp, budgets, hotness, lead, slots (pure)
//!  facts          key, entry, version, clock, receipt, options, errors, statistics
//!  sync           the atomics of store and entries: the standard library's, or a model's
//! ```
//!
//! # Guarantees
//!
//! G1 bounded staleness, G2 monotonic reads, G3 read your writes, G4 no
//! stampede, G5 no lost write, G6 bounded memory, G7 reads do not wait, G8 fail
//! closed: `ARCHITECTURE.md` states them and says where each is kept.

#![deny(missing_docs)]

pub mod cache;
pub mod change_stream;
pub mod coordination;
pub mod engine;
pub mod env;
pub mod facts;
pub mod lease_store;
pub mod origin;
pub mod rules;
pub mod store;
mod sync;
pub mod work;

pub use cache::{Cache, Hit, HitRef, Moment, Parts, Pending};
pub use cache::{ReadOptions, Reader, Renewal, Started, WriteOptions};
pub use engine::{loader_pool::LoaderPool, queue};
pub use facts::error::{Code, Error, Result};
pub use facts::fork::generation as fork_generation;
pub use facts::key::Key;
pub use facts::option_value::{PrefixBounds, Secret, Size};
pub use facts::options::{OPTIONS, OptionSpec, Options};
pub use facts::receipt::{Proof, Receipt, Source, Value, WriteReceipt};
pub use facts::statistics::{Kind, STATISTICS, Statistic, Statistics};
pub use facts::trace::TraceContext;
pub use facts::version::Version;
