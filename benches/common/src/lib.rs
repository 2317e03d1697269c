//! What the benchmarks of `benches` share.
//!
//! ```text
//! keys                     what is asked for, and in which order
//! random                   draws that are the same in every run
//! ticks, processor         what an operation takes; what else runs
//! quantile, bar            figures, and what is demanded of them
//! sheet, plot, output      what is left behind in a folder
//! ```

pub mod bar;
pub mod keys;
pub mod output;
pub mod plot;
pub mod processor;
pub mod quantile;
pub mod random;
pub mod sheet;
pub mod ticks;
