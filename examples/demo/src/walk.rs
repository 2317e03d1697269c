//! A reader in Rust: walks the mix at a rate and logs every receipt. What it reads through is a
//! parameter: no cache at all (`baseline`), or a cache that a test has broken.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use edgecmp_oracle::{Read, log};

use crate::args::ReaderArguments;
use crate::clock;
use crate::failure::{Doing, Failure};

/// Something that can be read through.
pub trait ReadThrough {
    /// Reads one key. Of the result the outcome, receipt and value fields count; key, times and
    /// bounds are the walker's.
    fn read(&mut self, key: &str, bound: Duration) -> Read;
}

/// A log that is being written.
#[derive(Debug)]
pub struct LogWriter(BufWriter<File>);

impl LogWriter {
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let mut writer = BufWriter::new(File::create(path).doing(path.display())?);
        writer.write_all(&log::header()).doing(path.display())?;
        Ok(Self(writer))
    }

    pub fn append(&mut self, read: &Read) -> Result<(), Failure> {
        self.0.write_all(&log::encode(read)).doing("writing the log")
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().doing("writing the log")
    }
}

/// Where in the mix a reader begins: far from the others.
#[must_use]
pub fn first_draw(draws: usize, seed: u64, id: u32) -> usize {
    let stride = 0x9E37_79B9_7F4A_7C15_u64;
    (seed.wrapping_add(u64::from(id) + 1).wrapping_mul(stride) % draws.max(1) as u64) as usize
}

/// Reads until the time is over.
pub fn walk(arguments: &ReaderArguments, through: &mut dyn ReadThrough) -> Result<(), Failure> {
    let keys = std::fs::read_to_string(&arguments.keys).doing(arguments.keys.display())?;
    let keys: Vec<&str> = keys.lines().collect();
    let mix = std::fs::read(&arguments.mix).doing(arguments.mix.display())?;
    let (mix, _) = mix.as_chunks::<4>();
    let draws = mix.iter().map(|draw| u32::from_le_bytes(*draw)).cycle();
    let bound = Duration::from_millis(arguments.bound_ms);
    let length = Duration::from_secs(arguments.seconds);
    let mut log = LogWriter::create(&arguments.log)?;
    let started_ns = clock::now_ns();
    let first = first_draw(mix.len(), arguments.seed, arguments.id);
    for (count, draw) in draws.skip(first).enumerate() {
        let due = Duration::from_secs_f64(count as f64 / f64::from(arguments.rate));
        let ahead = due.saturating_sub(clock::since(started_ns));
        if ahead > Duration::from_millis(2) {
            log.flush()?;
            std::thread::sleep(ahead);
        }
        if clock::since(started_ns) >= length {
            break;
        }
        let key = keys.get(draw as usize);
        let key =
            key.ok_or_else(|| Failure::new(format!("the mix names key {draw}, the list ends before")))?;
        let start_ns = clock::now_ns();
        let read = through.read(key, bound);
        let end_ns = clock::now_ns();
        log.append(&Read {
            start_ns,
            end_ns,
            bound_ns: bound.as_nanos() as u64,
            key: draw,
            reader: arguments.id,
            ..read
        })?;
    }
    log.flush()
}
