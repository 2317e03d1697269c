//! A small world to judge: a linearizable origin, readers, and one cache each that is honest or has
//! one flaw. Virtual time in nanoseconds, all drawn from one seed.

use edgecmp_oracle::{History, HistoryBuilder, Kind, Outcome, Read, Source, Written};

pub const MS: u64 = 1_000_000;
pub const KEYS: u32 = 4;

/// What is wrong with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Counts an answer as proved when it arrives, not when its request was sent.
    ValidatedAtAnswer,
    /// Serves what it has up to four times the bound.
    BoundIgnored,
    /// Now and then installs an answer older than what it holds.
    VersionGoesBack,
    /// Keeps the entry of before an acknowledged write.
    OwnWriteForgotten,
    /// Now and then flips a bit.
    ValueCorrupted,
    /// The receipt says 1 ms less than it should (and no more than it would if that is less).
    StalenessUnderstated,
    /// Says that a write was done without asking the origin.
    WriteLost,
}

/// Seeded numbers (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A write as the origin did it; it took effect at `committed_ns`.
struct Commit {
    key: u32,
    committed_ns: u64,
    written: Written,
}

#[derive(Default)]
struct Origin {
    commits: Vec<Commit>,
    last_version: u128,
}

impl Origin {
    fn write(&mut self, random: &mut Random, key: u32, began_ns: u64, deleted: bool) -> Written {
        let committed_ns = began_ns + random.below(MS);
        self.last_version += 1;
        let written = Written {
            version: self.last_version,
            began_ns,
            visible_ns: committed_ns + random.below(MS),
            crc: if deleted { 0 } else { random.below(1 << 32) as u32 },
            deleted,
        };
        self.commits.push(Commit { key, committed_ns, written });
        written
    }

    fn current(&self, key: u32, at_ns: u64) -> Option<Written> {
        let mut commits = self.commits.iter().rev();
        commits.find(|commit| commit.key == key && commit.committed_ns <= at_ns).map(|found| found.written)
    }
}

#[derive(Clone, Copy, Default)]
struct Entry {
    held: Option<Written>,
    validated_ns: u64,
    received: bool,
}

struct Cache {
    flaw: Flaw,
    entries: [Entry; KEYS as usize],
    bound_ns: u64,
}

impl Cache {
    fn read(&mut self, origin: &Origin, random: &mut Random, key: u32, start_ns: u64) -> Read {
        let served_ns = if self.flaw == Flaw::BoundIgnored { self.bound_ns * 4 } else { self.bound_ns };
        let mut read = Read { start_ns, bound_ns: self.bound_ns, key, ..Read::default() };
        let mut now_ns = start_ns + random.below(2_000);
        let entry = &mut self.entries[key as usize];
        let hit = entry.received && now_ns - entry.validated_ns <= served_ns;
        if !hit {
            read.source = Source::Fetched;
            let sent_ns = now_ns;
            // Mostly the answer is what takes time: that is when proofs are easiest to overrate.
            let slow_request = random.one_in(4);
            let mut asked_ns = sent_ns + random.below(if slow_request { 30 * MS } else { 10_000 });
            now_ns = asked_ns + random.below(30 * MS);
            if self.flaw == Flaw::VersionGoesBack && random.one_in(8) {
                asked_ns = asked_ns.saturating_sub(600 * MS);
            }
            entry.held = origin.current(key, asked_ns);
            entry.validated_ns = if self.flaw == Flaw::ValidatedAtAnswer { now_ns } else { sent_ns };
            entry.received = true;
        }
        read.staleness_ns = now_ns - entry.validated_ns;
        read.end_ns = now_ns + random.below(2_000);
        if self.flaw == Flaw::BoundIgnored {
            // A cache that breaks its bound is not one that owns to it.
            read.staleness_ns = read.staleness_ns.min(self.bound_ns);
        }
        if self.flaw == Flaw::StalenessUnderstated {
            read.staleness_ns = read.staleness_ns.saturating_sub(MS);
        }
        if read.staleness_ns > self.bound_ns {
            return Read { outcome: Outcome::Error, error_code: 7, staleness_ns: 0, ..read };
        }
        match entry.held {
            Some(written) if !written.deleted => {
                read.version = written.version;
                read.crc = written.crc;
                if self.flaw == Flaw::ValueCorrupted && random.one_in(20) {
                    read.crc ^= 1;
                }
            }
            deleted => {
                read.outcome = Outcome::NotFound;
                // Half of the origins do not tell the version of a delete.
                let told = deleted.filter(|_| key.is_multiple_of(2));
                read.version = told.map_or(0, |written| written.version);
            }
        }
        read
    }

    fn set(&mut self, origin: &mut Origin, random: &mut Random, key: u32, start_ns: u64) -> Read {
        let began_ns = start_ns + random.below(MS);
        let written = match self.flaw {
            Flaw::WriteLost if random.one_in(4) => Written {
                version: origin.last_version + 1_000_000,
                began_ns,
                visible_ns: began_ns,
                crc: 1,
                deleted: false,
            },
            _ => origin.write(random, key, began_ns, false),
        };
        if self.flaw != Flaw::OwnWriteForgotten {
            self.entries[key as usize] =
                Entry { held: Some(written), validated_ns: start_ns, received: true };
        }
        Read {
            start_ns,
            end_ns: written.visible_ns + random.below(MS),
            version: written.version,
            key,
            crc: written.crc,
            kind: Kind::SetAcknowledged,
            ..Read::default()
        }
    }
}

/// Runs one cache for `steps` reads and writes.
pub fn run(seed: u64, flaw: Flaw, bound_ns: u64, steps: usize) -> (History, Vec<Read>) {
    let mut random = Random::new(seed);
    let mut origin = Origin::default();
    let mut cache = Cache { flaw, entries: Default::default(), bound_ns };
    let mut reads = Vec::with_capacity(steps);
    let mut now_ns = 1_000 * MS;
    for _ in 0..steps {
        let key = random.below(KEYS.into()) as u32;
        // A read takes up to 60 ms; writes must go on within it, so they are drawn ahead of it.
        while origin.commits.last().is_none_or(|last| last.written.visible_ns < now_ns + 80 * MS) {
            let last_ns = origin.commits.last().map_or(now_ns, |last| last.written.visible_ns);
            let began_ns = last_ns + random.below(8 * MS);
            let deleted = random.one_in(5);
            let written_key = random.below(KEYS.into()) as u32;
            origin.write(&mut random, written_key, began_ns, deleted);
        }
        let record = if random.one_in(12) {
            let last_ns = origin.commits.last().map_or(now_ns, |last| last.written.visible_ns);
            now_ns = now_ns.max(last_ns);
            cache.set(&mut origin, &mut random, key, now_ns)
        } else {
            cache.read(&origin, &mut random, key, now_ns)
        };
        now_ns = record.end_ns + 1 + random.below(10 * MS);
        reads.push(record);
    }
    let mut builder = HistoryBuilder::new();
    for key in 0..KEYS {
        builder.key(format!("key/{key}").as_bytes());
    }
    for commit in &origin.commits {
        builder.push(commit.key, commit.written);
    }
    (builder.finish(u64::MAX).expect("the simulated origin keeps order"), reads)
}
