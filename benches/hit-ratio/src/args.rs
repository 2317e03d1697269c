//! The command line.

use std::path::PathBuf;

pub struct Args {
    /// Folder of `*.trace.xz`.
    pub traces: Option<PathBuf>,
    /// Go on without traces.
    pub synthetic_only: bool,
    /// Folder for results.
    pub out: PathBuf,
}

pub const USAGE: &str = "bench-hit-ratio [--traces DIR] [--synthetic-only] [--out DIR]
  --traces DIR      folder of *.trace.xz (else EDGECMP_TRACES)
  --synthetic-only  no traces
  --out DIR         for hit_ratio.json and hit_ratio.svg (default: target/bench)";

impl Args {
    pub fn parse() -> Result<Self, String> {
        let mut parsed = Self {
            traces: std::env::var_os("EDGECMP_TRACES").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            synthetic_only: false,
            out: PathBuf::from("target/bench"),
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut dir = || args.next().map(PathBuf::from).ok_or(format!("{arg} needs a folder"));
            match arg.as_str() {
                "--traces" => parsed.traces = Some(dir()?),
                "--out" => parsed.out = dir()?,
                "--synthetic-only" => parsed.synthetic_only = true,
                _ => return Err(format!("what is {arg}?\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}
