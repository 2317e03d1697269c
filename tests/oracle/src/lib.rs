//! Decides, from an origin's own write history and the log of what readers were told, whether
//! edgecmp kept its promises. It is a judge, so it shares no code with what it judges.
//!
//! ```text
//! log        the readers' log files, one format for all languages
//! check      one verdict over a history and reads
//!   answer     G1 and the receipt: each read on its own
//!   order      G2, G3: reads and writes of one cache against each other
//! report     counts, staleness, violations with explanations
//! history    what the origin did: which version may have been current when
//! read       what a reader was told
//! ```
//!
//! All instants are nanoseconds of *one* clock: CLOCK_BOOTTIME of one machine, or the virtual clock
//! of a simulation. Every rule leans to the side of the accused: a violation is reported only when
//! no order of events that fits the log could have been right. So a violation is a proof, and a
//! pass is as strong as the clock readings are close to the events.

mod check;
pub mod histogram;
pub mod history;
pub mod log;
mod read;
mod report;
mod violation;

pub use check::{Promises, check, check_promises};
pub use histogram::Histogram;
pub use history::{History, HistoryBuilder, HistoryError, Written};
pub use read::{Kind, Outcome, Read, Source};
pub use report::{Report, Staleness};
pub use violation::{Rule, Violation};
