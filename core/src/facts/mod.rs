//! What is so: keys, versions, instants, entries, and the three tables
//! (errors, options, statistics) from which every surface derives.
//!
//! This layer knows nothing of any other.

pub mod clock;
pub mod entry;
pub mod error;
pub mod fork;
pub mod key;
pub mod memory;
pub mod option_choice;
pub mod option_value;
pub mod options;
pub mod receipt;
pub mod statistics;
#[cfg_attr(edgecmp_loom, path = "thread_model.rs")]
pub mod thread;
pub mod trace;
pub mod version;
