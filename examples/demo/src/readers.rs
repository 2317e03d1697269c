//! The running readers.

use std::path::PathBuf;
use std::time::Duration;

use crate::child::Guarded;
use crate::clock;
use crate::failure::{Doing, Failure};
use crate::languages::Language;
use crate::places::Places;
use crate::tail::{Glance, Tail};

/// What all readers are told alike.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub origin: String,
    pub bound: Duration,
    pub seconds: u64,
    pub seed: u64,
}

/// One reader process and its log.
#[derive(Debug)]
pub struct Reader {
    pub language: Language,
    pub log: PathBuf,
    process: Guarded,
    tail: Tail,
    ended: bool,
}

impl Reader {
    /// Starts the reader of one language as number `id`.
    pub fn start(
        language: Language,
        id: usize,
        assignment: &Assignment,
        places: &Places,
    ) -> Result<Self, Failure> {
        let name = language.name();
        let log = places.run.join(format!("{name}.log"));
        let mut command = language.command(places);
        command.arg("--origin").arg(&assignment.origin);
        command.arg("--keys").arg(places.run.join("keys.txt"));
        command.arg("--mix").arg(places.run.join("mix.bin"));
        command.arg("--log").arg(&log);
        command.arg("--bound-ms").arg(assignment.bound.as_millis().to_string());
        command.arg("--seconds").arg(assignment.seconds.to_string());
        command.arg("--rate").arg(language.rate().to_string());
        command.arg("--seed").arg(assignment.seed.to_string());
        command.arg("--id").arg(id.to_string());
        command.arg("--clock-offset-ns").arg(clock::suspended_ns().to_string());
        let stderr = places.run.join(format!("{name}.stderr"));
        let process = Guarded::spawn(name, command, &stderr).doing("starting a reader")?;
        let tail = Tail::new(&log);
        Ok(Self { language, log, process, tail, ended: false })
    }

    /// What it did since the last look.
    pub fn look(&mut self) -> Glance {
        self.tail.look()
    }

    /// Whether it has ended, as it should: one that failed is an error with its last words.
    pub fn has_ended(&mut self) -> Result<bool, Failure> {
        if self.ended {
            return Ok(true);
        }
        let name = self.process.name().to_owned();
        match self.process.ended().doing(&name)? {
            None => Ok(false),
            Some(status) if status.success() => {
                self.ended = true;
                Ok(true)
            }
            Some(status) => Err(Failure::new(format!(
                "the {name} reader failed ({status}): {}",
                self.process.last_words()
            ))),
        }
    }

    /// For the error about a reader that does not end.
    #[must_use]
    pub fn last_words(&self) -> String {
        format!("the {} reader does not end: {}", self.process.name(), self.process.last_words())
    }
}
