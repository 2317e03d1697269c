//! The main job of edgecmp, end to end, on real input.
//!
//! ```text
//! run              the sequence: load, read and stream and kill and restart, judge
//! readers          languages, their processes, their logs as they grow
//! ingest           the paced stream of flights
//! origin_process   the reference origin, which is killed halfway
//! judge            logs + truth -> oracle -> accounts     summary -> report.json, table
//! truth            the origin's history
//! walk, baseline   a reader in Rust, without a cache
//! ```

pub mod args;
pub mod baseline;
pub mod child;
pub mod clock;
pub mod failure;
pub mod flights;
mod ingest;
pub mod judge;
pub mod languages;
pub mod origin_client;
mod origin_process;
pub mod places;
pub mod popularity;
mod progress;
mod readers;
pub mod report;
pub mod run;
pub mod summary;
pub mod table;
mod tail;
pub mod truth;
pub mod walk;
