//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
bench-faults [run] [--quick] [--only etcd|redis] [--fault TEXT] [--seconds N] [--any-speed] [--out DIR]
  --quick      faults of 3 s (default: 60 s for all members gone and for cuts, 10 s for the
               rest; 5 s when they come again)
  --only       only faults of this store
  --fault      only faults with this in their name, and the row without one
  --seconds    how long each fault lasts
  --any-speed  exit code 0 though a bar is missed
  --out        where faults.json and faults.svg go (default target/bench)
bench-faults soak [--minutes N] [--nodes N] [--seed N]
  --minutes    how long (default 30)
  --nodes      caches over one origin (default 4)
  --seed       of all that is random (default: from the clock)";

pub enum Command {
    Run(Run),
    Soak(Soak),
}

pub struct Run {
    quick: bool,
    only: Option<String>,
    fault: Option<String>,
    seconds: Option<u64>,
    pub any_speed: bool,
    pub out: PathBuf,
}

pub struct Soak {
    pub minutes: f64,
    pub nodes: usize,
    pub seed: u64,
}

impl Run {
    pub fn wants(&self, store: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == store)
    }

    pub fn wants_fault(&self, name: &str) -> bool {
        self.fault.as_deref().is_none_or(|part| name.contains(part))
    }

    /// How long a fault lasts; `long`: one in which the store is away for good.
    pub fn fault(&self, long: bool, is_first: bool) -> Duration {
        let default = match (self.quick, is_first, long) {
            (true, ..) => 3,
            (_, true, true) => 60,
            (_, true, false) => 10,
            (_, false, _) => 5,
        };
        Duration::from_secs(self.seconds.unwrap_or(default))
    }

    /// How long it is calm before and after.
    pub fn calm(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 4 })
    }
}

pub fn parse(words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut words = words.peekable();
    let is_soak = words.peek().is_some_and(|word| word == "soak");
    if is_soak || words.peek().is_some_and(|word| word == "run") {
        words.next();
    }
    let out = PathBuf::from("target/bench");
    let mut run = Run { quick: false, only: None, fault: None, seconds: None, any_speed: false, out };
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let mut soak = Soak { minutes: 30.0, nodes: 4, seed };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
        match (is_soak, word.as_str()) {
            (false, "--quick") => run.quick = true,
            (false, "--only") => run.only = Some(value()?),
            (false, "--fault") => run.fault = Some(value()?),
            (false, "--seconds") => run.seconds = Some(number(&value()?)?),
            (false, "--any-speed") => run.any_speed = true,
            (false, "--out") => run.out = value()?.into(),
            (true, "--minutes") => soak.minutes = number(&value()?)?,
            (true, "--nodes") => soak.nodes = number(&value()?)?,
            (true, "--seed") => soak.seed = number(&value()?)?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    if run.only.as_ref().is_some_and(|only| !["etcd", "redis"].contains(&only.as_str())) {
        return Err(USAGE.to_owned());
    }
    Ok(if is_soak { Command::Soak(soak) } else { Command::Run(run) })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a number: {text}\n{USAGE}"))
}
