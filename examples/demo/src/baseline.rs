//! The reader that the cache is compared with: every read is a request to the origin.

use std::time::Duration;

use edgecmp_oracle::{Outcome, Read, Source};

use crate::args::ReaderArguments;
use crate::clock;
use crate::failure::Failure;
use crate::origin_client::OriginClient;
use crate::walk::{ReadThrough, walk};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Any number but 0: the failure has a reason.
const ORIGIN_UNREACHABLE: u32 = 1;

/// No cache.
#[derive(Debug)]
pub struct Direct(pub OriginClient);

impl ReadThrough for Direct {
    fn read(&mut self, key: &str, _bound: Duration) -> Read {
        let sent_ns = clock::now_ns();
        let Ok(item) = self.0.get_item(key) else {
            return Read { outcome: Outcome::Error, error_code: ORIGIN_UNREACHABLE, ..Read::default() };
        };
        Read {
            outcome: if item.value.is_some() { Outcome::Ok } else { Outcome::NotFound },
            version: item.version.into(),
            crc: item.value.as_deref().map_or(0, crc32fast::hash),
            staleness_ns: clock::since(sent_ns).as_nanos() as u64,
            source: Source::Fetched,
            ..Read::default()
        }
    }
}

/// Reads without a cache.
pub fn run(arguments: &ReaderArguments) -> Result<(), Failure> {
    let base = arguments.origin.strip_suffix("/items/{key}");
    let base = base.ok_or_else(|| Failure::new("--origin does not end in /items/{key}"))?;
    walk(arguments, &mut Direct(OriginClient::new(base, REQUEST_TIMEOUT)))
}
