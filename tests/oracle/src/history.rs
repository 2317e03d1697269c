//! What the origin did: for each key its versions in order, with the two instants that bound when
//! each became visible.
//!
//! Version v is *possibly current* from `began_ns(v)`, before which nobody can have seen it, until
//! `visible_ns` of the next version, after which no linearizable read can return v.

use std::collections::HashMap;
use std::fmt;

/// One version as the origin wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub version: u128,
    /// Taken before the write could be seen by anyone.
    pub began_ns: u64,
    /// Taken after every later read had to see it.
    pub visible_ns: u64,
    /// CRC-32 (IEEE) of the value; 0 for a delete.
    pub crc: u32,
    pub deleted: bool,
}

/// Why rows do not make a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// One version of one key was written twice.
    DuplicateVersion { key: String, version: u128 },
    /// A version was visible before it began.
    VisibleBeforeBegun { key: String, version: u128 },
    /// Version 0 stands for "none" and cannot be written.
    VersionZero { key: String },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateVersion { key, version } => {
                write!(formatter, "history: version {version} of {key:?} was written twice")
            }
            Self::VisibleBeforeBegun { key, version } => {
                write!(formatter, "history: version {version} of {key:?} was visible before it began")
            }
            Self::VersionZero { key } => write!(formatter, "history: {key:?} has a version 0"),
        }
    }
}

impl std::error::Error for HistoryError {}

/// Collects rows in any order.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    ids: HashMap<Box<[u8]>, u32>,
    names: Vec<Box<[u8]>>,
    rows: Vec<(u32, Written)>,
}

impl HistoryBuilder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The index by which reads name this key. Indices count up from 0 in order of first mention,
    /// so that entering a key list first gives each key its line number.
    pub fn key(&mut self, key: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).expect("fewer than 2^32 keys");
        self.ids.insert(key.into(), id);
        self.names.push(key.into());
        id
    }

    pub fn push(&mut self, key: u32, written: Written) {
        self.rows.push((key, written));
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Closes the history. `complete_until_ns`: every write that anyone can have seen up to this
    /// instant is among the rows; later reads cannot be judged.
    pub fn finish(mut self, complete_until_ns: u64) -> Result<History, HistoryError> {
        self.rows.sort_unstable_by_key(|(key, written)| (*key, written.version));
        let mut starts = Vec::with_capacity(self.names.len() + 1);
        for key in 0..=self.names.len() {
            starts.push(self.rows.partition_point(|(row_key, _)| (*row_key as usize) < key));
        }
        let rows = self.rows.into_iter().map(|(_, written)| written).collect();
        let mut history = History { names: self.names, starts, rows, complete_until_ns };
        for key in 0..history.names.len() {
            history.normalise(key)?;
        }
        Ok(history)
    }
}

/// The origin's history, ready to be asked.
#[derive(Debug)]
pub struct History {
    names: Vec<Box<[u8]>>,
    /// `rows[starts[key]..starts[key + 1]]` are the versions of `key`, ascending.
    starts: Vec<usize>,
    rows: Vec<Written>,
    pub complete_until_ns: u64,
}

impl History {
    /// The versions of a key, ascending; empty for a key never written.
    #[must_use]
    pub fn versions(&self, key: u32) -> &[Written] {
        let key = key as usize;
        match (self.starts.get(key), self.starts.get(key + 1)) {
            (Some(&from), Some(&to)) => &self.rows[from..to],
            _ => &[],
        }
    }

    #[must_use]
    pub fn name(&self, key: u32) -> String {
        self.names.get(key as usize).map_or_else(
            || format!("<key {key}, not in the key list>"),
            |name| String::from_utf8_lossy(name).into_owned(),
        )
    }

    #[must_use]
    pub fn knows_key(&self, key: u32) -> bool {
        (key as usize) < self.names.len()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A version and the instant from which no read may return it any more, if there is one.
    #[must_use]
    pub fn find(&self, key: u32, version: u128) -> Option<(Written, Option<u64>)> {
        let versions = self.versions(key);
        let at = versions.binary_search_by_key(&version, |written| written.version).ok()?;
        Some((versions[at], versions.get(at + 1).map(|next| next.visible_ns)))
    }

    /// Whether the key had a value at every instant of `[from_ns, to_ns]`, whatever the moment at
    /// which each write took effect.
    #[must_use]
    pub fn existed_throughout(&self, key: u32, from_ns: u64, to_ns: u64) -> bool {
        let versions = self.versions(key);
        let settled = versions.partition_point(|written| written.visible_ns <= from_ns);
        let Some(last) = settled.checked_sub(1) else {
            return false;
        };
        !versions[last].deleted && !Self::deletes(&versions[settled..], to_ns)
    }

    /// Whether a delete with a version above `version` can have taken effect by `to_ns`.
    #[must_use]
    pub fn deleted_after(&self, key: u32, version: u128, to_ns: u64) -> bool {
        let versions = self.versions(key);
        let above = versions.partition_point(|written| written.version <= version);
        Self::deletes(&versions[above..], to_ns)
    }

    fn deletes(versions: &[Written], to_ns: u64) -> bool {
        versions.iter().take_while(|written| written.began_ns <= to_ns).any(|written| written.deleted)
    }

    /// Tightens the instants of one key to what version order implies: v was visible at the latest
    /// when a later version was, and began at the earliest when an earlier one did. After a crash
    /// the origin knows some of them only roughly.
    fn normalise(&mut self, key: usize) -> Result<(), HistoryError> {
        let name = || String::from_utf8_lossy(&self.names[key]).into_owned();
        let versions = &mut self.rows[self.starts[key]..self.starts[key + 1]];
        if versions.first().is_some_and(|first| first.version == 0) {
            return Err(HistoryError::VersionZero { key: name() });
        }
        let mut began_ns = 0;
        for at in 0..versions.len() {
            if at > 0 && versions[at - 1].version == versions[at].version {
                let version = versions[at].version;
                return Err(HistoryError::DuplicateVersion { key: name(), version });
            }
            began_ns = began_ns.max(versions[at].began_ns);
            versions[at].began_ns = began_ns;
        }
        let mut visible_ns = u64::MAX;
        for written in versions.iter_mut().rev() {
            visible_ns = visible_ns.min(written.visible_ns);
            written.visible_ns = visible_ns;
            if written.visible_ns < written.began_ns {
                let version = written.version;
                return Err(HistoryError::VisibleBeforeBegun { key: name(), version });
            }
        }
        Ok(())
    }
}
