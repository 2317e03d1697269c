//! The real input: flights.csv, cut into batches as the origin takes them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Doing, Failure};

/// All flights, one line each.
#[derive(Debug)]
pub struct Flights {
    text: String,
    /// Byte offset of each line of data, and of the end.
    lines: Vec<usize>,
}

/// Some consecutive flights as the body of one `POST /events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub first: usize,
    pub events: usize,
    pub body: String,
}

impl Flights {
    /// Fetches the data set into `directory` if it is not there, and reads it.
    pub fn prepare(script: &Path, directory: &Path) -> Result<Self, Failure> {
        let status = Command::new("python3").arg(script).arg(directory).status();
        let status = status.doing("python3 is needed to fetch flights.csv")?;
        if !status.success() {
            return Err(Failure::new("flights.csv could not be fetched, see above"));
        }
        let path = directory.join("flights.csv");
        Self::parse(fs::read_to_string(&path).doing(path.display())?)
    }

    pub fn parse(text: String) -> Result<Self, Failure> {
        let header = text.find('\n').filter(|_| text.starts_with("year,month,day,"));
        let Some(header) = header else {
            return Err(Failure::new("flights.csv: the first line is not the expected header"));
        };
        let mut lines = vec![header + 1];
        lines.extend(text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at > header + 1));
        if *lines.last().unwrap_or(&0) != text.len() {
            lines.push(text.len());
        }
        Ok(Self { text, lines })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len() - 1
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The flights `[first, first + events)`, fewer at the end, `None` past it.
    #[must_use]
    pub fn batch(&self, first: usize, events: usize) -> Option<Batch> {
        let events = events.min(self.len().saturating_sub(first));
        if events == 0 {
            return None;
        }
        let header = &self.text[..self.lines[0]];
        let rows = &self.text[self.lines[first]..self.lines[first + events]];
        Some(Batch { first, events, body: [header, rows].concat() })
    }
}
