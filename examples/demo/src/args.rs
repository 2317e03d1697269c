//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::languages::Language;

/// The main job of edgecmp, end to end: readers in four languages, a stream of real events, an
/// origin that is killed halfway, and a judge.
#[derive(Clone, Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub demo: DemoArguments,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// A reader without a cache, as the demo runs it for comparison
    Baseline(ReaderArguments),
}

#[derive(Clone, Debug, Args)]
pub struct DemoArguments {
    /// How long the readers read; what a run has to show shrinks with it
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    pub seconds: u64,
    /// Readers to run
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Language::FULL)]
    pub languages: Vec<Language>,
    /// Events a second
    #[arg(long, default_value_t = 5_600, value_parser = clap::value_parser!(u32).range(200..=100_000))]
    pub pace: u32,
    /// Staleness bound of every cache
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub bound_ms: u64,
    /// Judge the answers, not how many there were: for tests on machines of unknown speed
    #[arg(long)]
    pub any_speed: bool,
    /// Decides which keys are popular and in which order they are asked for
    #[arg(long, default_value_t = 2013)]
    pub seed: u64,
    /// The origin's program, if it is not beside this one
    #[arg(long)]
    pub origin: Option<PathBuf>,
    /// An interpreter with the Python package, if it is not target/demo/venv
    #[arg(long)]
    pub python: Option<PathBuf>,
}

impl DemoArguments {
    /// When the origin is killed, after the readers have started.
    #[must_use]
    pub fn kill_after(&self) -> Duration {
        Duration::from_secs(self.seconds).saturating_sub(self.outage()) / 2
    }

    /// How long it stays dead.
    #[must_use]
    pub fn outage(&self) -> Duration {
        Duration::from_secs(10).min(Duration::from_secs(self.seconds) / 5)
    }
}

/// What every reader is told, in every language.
#[derive(Clone, Debug, Args)]
pub struct ReaderArguments {
    /// Template of the documents' addresses, ending in /items/{key}
    #[arg(long)]
    pub origin: String,
    /// Key list, one a line
    #[arg(long)]
    pub keys: PathBuf,
    /// Line numbers of keys to ask for, u32 little-endian
    #[arg(long)]
    pub mix: PathBuf,
    /// Where the receipts go
    #[arg(long)]
    pub log: PathBuf,
    #[arg(long)]
    pub bound_ms: u64,
    #[arg(long)]
    pub seconds: u64,
    /// Reads a second
    #[arg(long)]
    pub rate: u32,
    #[arg(long)]
    pub seed: u64,
    /// Number of this reader, from 0
    #[arg(long)]
    pub id: u32,
    /// CLOCK_BOOTTIME minus CLOCK_MONOTONIC, for runtimes that read only the latter
    #[arg(long, default_value_t = 0)]
    pub clock_offset_ns: u64,
}
