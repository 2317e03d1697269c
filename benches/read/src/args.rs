//! The command line.

use std::path::PathBuf;

use crate::cell::Cell;

pub const USAGE: &str = "\
bench-read [--quick] [--only NAME,...] [--mix MIX,...] [--threads N]
           [--n N,...] [--rounds N] [--no-large] [--no-memory] [--check] [--out DIR]
  --quick      shorter measurements, 3 rounds, no 10,000,000 keys
  --only       only these implementations
  --mix        only these mixes: read-only, overlapped, 99/1, 90/10, hot
  --threads    only so many threads
  --n          numbers of keys (default 10000,1000000,10000000)
  --rounds     how often each is measured (default 9; a third of it beyond 1,000,000 keys)
  --no-large   nothing beyond 1,000,000 keys
  --no-memory  no bytes of overhead
  --check      exit code 1 if a bar is missed
  --out        where read.json and read.svg go (default target/bench)";

#[derive(Clone, Debug)]
pub struct Args {
    pub quick: bool,
    pub only: Vec<String>,
    pub mix: Vec<String>,
    pub threads: Option<usize>,
    pub n: Vec<usize>,
    pub rounds: usize,
    pub memory: bool,
    pub check: bool,
    pub out: PathBuf,
    /// Within the child process: what to fill.
    pub footprint_of: Option<String>,
}

impl Args {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            quick: false,
            only: Vec::new(),
            mix: Vec::new(),
            threads: None,
            n: Vec::new(),
            rounds: 0,
            memory: true,
            check: false,
            out: PathBuf::from("target/bench"),
            footprint_of: None,
        };
        let mut large = true;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--quick" => args.quick = true,
                "--only" => args.only = words_of(&value()?),
                "--mix" => args.mix = words_of(&value()?),
                "--threads" => args.threads = Some(number(&value()?)?),
                "--n" => args.n = value()?.split(',').map(number).collect::<Result<_, _>>()?,
                "--rounds" => args.rounds = number(&value()?)?,
                "--no-large" => large = false,
                "--no-memory" => args.memory = false,
                "--check" => args.check = true,
                "--out" => args.out = value()?.into(),
                "--footprint-of" => args.footprint_of = Some(value()?),
                _ => return Err(format!("unknown: {word}\n{USAGE}")),
            }
        }
        if args.n.is_empty() {
            args.n = vec![10_000, 1_000_000];
            if large && !args.quick {
                args.n.push(10_000_000);
            }
        }
        if args.rounds == 0 {
            args.rounds = if args.quick { 3 } else { 9 };
        }
        Ok(args)
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    pub fn wants_cell(&self, cell: Cell) -> bool {
        let mix = cell.mix.to_string();
        let named = self.mix.is_empty() || self.mix.contains(&mix);
        named && self.threads.is_none_or(|threads| threads == cell.threads)
    }
}

fn words_of(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn number(text: &str) -> Result<usize, String> {
    text.replace('_', "").parse().ok().filter(|n| *n > 0).ok_or(format!("not a number above 0: {text}"))
}
