//! What a reader was told.

/// What a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Read,
    /// `set` returned success.
    SetAcknowledged,
    /// `delete` returned success.
    DeleteAcknowledged,
    /// A write whose outcome the caller was not told.
    WriteUnknown,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Ok,
    /// Older than the bound, within the outage bound, and marked so.
    Degraded,
    NotFound,
    /// No answer, with a reason (`error_code`).
    Error,
}

/// Where the answer came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Hit,
    Fetched,
    /// Waited for a fetch that another reader had started.
    Joined,
    Other(u8),
}

/// One read or write, with its receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Before the call.
    pub start_ns: u64,
    /// After the call.
    pub end_ns: u64,
    /// The receipt's upper bound on how far behind the origin the answer can be.
    pub staleness_ns: u64,
    pub bound_ns: u64,
    /// 0: the reader asked for no degraded answers.
    pub outage_bound_ns: u64,
    /// 0: none (an absent key whose delete has no version, or an error).
    pub version: u128,
    /// 0: the reader named none.
    pub min_version: u128,
    /// Index into the key list of the history.
    pub key: u32,
    /// CRC-32 (IEEE) of the value.
    pub crc: u32,
    pub error_code: u32,
    /// Process and cache: G2 and G3 are promises of one cache.
    pub cache: u32,
    /// Thread or task within it; only for people.
    pub reader: u32,
    pub kind: Kind,
    pub outcome: Outcome,
    pub source: Source,
    /// With `Outcome::Degraded`: the old answer was "no such key".
    pub absent: bool,
}

impl Read {
    /// The bound that this answer had to keep.
    #[must_use]
    pub fn limit_ns(&self) -> u64 {
        match self.outcome {
            Outcome::Degraded => self.outage_bound_ns,
            _ => self.bound_ns,
        }
    }

    /// The answer is "no such key".
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.outcome == Outcome::NotFound || (self.outcome == Outcome::Degraded && self.absent)
    }
}
