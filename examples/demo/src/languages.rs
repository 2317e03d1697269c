//! The readers: one row for each language, how it is built and how it is run.

use std::process::Command;

use clap::ValueEnum;

use crate::failure::{Doing, Failure};
use crate::places::Places;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Python,
    Node,
    C,
    Go,
    /// No cache at all, for comparison: each read asks the origin.
    Baseline,
}

impl Language {
    /// Those that the full demo is made of.
    pub const FULL: [Self; 4] = [Self::Python, Self::Node, Self::C, Self::Go];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::C => "c",
            Self::Go => "go",
            Self::Baseline => "baseline",
        }
    }

    /// Reads a second: what each language's usual way of reading does with ease while two cores are
    /// shared by all readers, the origin and the stream.
    #[must_use]
    pub fn rate(self) -> u32 {
        match self {
            Self::Python => 3_000,
            Self::Node => 3_500,
            Self::Go => 4_000,
            Self::C => 4_500,
            Self::Baseline => 1_000,
        }
    }

    /// Compiles the reader where its language needs that.
    pub fn build(self, places: &Places) -> Result<(), Failure> {
        let command = match self {
            Self::C => c_compiler(places),
            Self::Go => go_build(places),
            Self::Python | Self::Node | Self::Baseline => return Ok(()),
        };
        succeed(command, &format!("building the {} reader", self.name()))
    }

    /// The command that runs the reader, without its arguments.
    #[must_use]
    pub fn command(self, places: &Places) -> Command {
        match self {
            Self::Python => {
                let mut command = Command::new(&places.python);
                command.arg(places.source("readers/python/analytics.py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(places.source("readers/node/dashboard.mjs"));
                command
            }
            Self::C | Self::Go => Command::new(places.demo.join(format!("reader-{}", self.name()))),
            Self::Baseline => {
                let mut command = Command::new(places.built.join("edgecmp-demo"));
                command.arg("baseline");
                command
            }
        }
    }
}

fn c_compiler(places: &Places) -> Command {
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]);
    command.arg("-I").arg(places.root.join("include"));
    command.arg(places.source("readers/c/reader.c"));
    command.arg("-o").arg(places.demo.join("reader-c"));
    command.arg(places.built.join("libedgecmp.a"));
    command.args(["-lm", "-ldl"]);
    command
}

fn go_build(places: &Places) -> Command {
    let mut command = Command::new("go");
    command.current_dir(places.source("readers/go"));
    command.args(["build", "-o"]).arg(places.demo.join("reader-go")).arg(".");
    command
}

/// Runs a command to its end; its output is only shown when it fails.
fn succeed(mut command: Command, what: &str) -> Result<(), Failure> {
    let output = command.output().doing(what)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{what} failed ({}):\n{stderr}", output.status)))
}
