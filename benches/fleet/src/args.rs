//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::strategies::Name;

pub const USAGE: &str = "\
bench-fleet [--quick] [--only NAME,...] [--rounds N] [--seconds N] [--no-scale] [--no-stampede]
            [--any-speed] [--out DIR]
  --quick        one round of 5 s each
  --only         only these: edgecmp, sketch, single_flight, early_refresh, batched_refresh, central_lock
  --rounds       how often each is run (default 3)
  --seconds      how long each run is measured (default 20)
  --no-scale     not the row from 2 to 16 nodes
  --no-stampede  not the stampedes
  --any-speed    exit code 0 though a bar is missed
  --out          where fleet.json and fleet.svg go (default target/bench)";

#[derive(Clone, Debug)]
pub struct Args {
    quick: bool,
    only: Vec<Name>,
    rounds: Option<usize>,
    seconds: Option<u64>,
    pub scale: bool,
    pub stampede: bool,
    pub any_speed: bool,
    pub out: PathBuf,
}

impl Args {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            quick: false,
            only: Vec::new(),
            rounds: None,
            seconds: None,
            scale: true,
            stampede: true,
            any_speed: false,
            out: PathBuf::from("target/bench"),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--quick" => args.quick = true,
                "--only" => args.only = names(&value()?)?,
                "--rounds" => args.rounds = Some(number(&value()?)? as usize),
                "--seconds" => args.seconds = Some(number(&value()?)?),
                "--no-scale" => args.scale = false,
                "--no-stampede" => args.stampede = false,
                "--any-speed" => args.any_speed = true,
                "--out" => args.out = value()?.into(),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(args)
    }

    pub fn wants(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    pub fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 5 } else { 20 }))
    }

    pub fn scale_measured(&self) -> Duration {
        Duration::from_secs(if self.quick { 3 } else { 10 })
    }
}

fn names(text: &str) -> Result<Vec<Name>, String> {
    text.split(',').map(|word| Name::parse(word).ok_or(format!("no strategy {word}\n{USAGE}"))).collect()
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or(format!("not a number above 0: {text}"))
}
