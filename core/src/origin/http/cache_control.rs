//! `Cache-Control` (RFC 9111 5.2.2, RFC 5861): how long an answer may be used.
//!
//! Directives may only tighten the bounds of the cache, so whatever cannot be
//! read is taken as its tightest meaning (RFC 9111 4.2.1: invalid freshness
//! information makes an answer stale), and of directives that come twice the
//! tighter counts.

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

use crate::facts::entry::Limits;

/// RFC 9111 1.2.2: the number that stands for all that are too large.
const LONGEST_SECONDS: u64 = 1 << 31;

/// What the header says; `None` if there is none.
pub(super) fn limits(headers: &HeaderMap) -> Option<Limits> {
    headers.contains_key(CACHE_CONTROL).then(|| {
        let mut directives = Directives::default();
        for line in headers.get_all(CACHE_CONTROL) {
            directives.read(line.as_bytes());
        }
        directives.limits()
    })
}

#[derive(Debug, Default)]
struct Directives {
    no_store: bool,
    no_cache: bool,
    must_revalidate: bool,
    max_age: Option<u64>,
    stale_while_revalidate: Option<u64>,
    stale_if_error: Option<u64>,
}

impl Directives {
    fn read(&mut self, line: &[u8]) {
        for directive in split(line, b',') {
            let mut parts = split(directive, b'=');
            let name = parts.next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
            let argument = parts.next().map(unquoted);
            let tighten = |limit: &mut Option<u64>| {
                let seconds = argument.as_deref().and_then(delta_seconds).unwrap_or(0);
                *limit = Some(limit.unwrap_or(u64::MAX).min(seconds));
            };
            match name.as_slice() {
                b"no-store" => self.no_store = true,
                // With field names it speaks of these alone; RFC 9111 5.2.2.4
                // allows to take it as if it had none.
                b"no-cache" => self.no_cache = true,
                b"must-revalidate" => self.must_revalidate = true,
                b"max-age" => tighten(&mut self.max_age),
                b"stale-while-revalidate" => tighten(&mut self.stale_while_revalidate),
                b"stale-if-error" => tighten(&mut self.stale_if_error),
                // Among them `private` and `s-maxage`, which tell shared caches
                // from private ones: a cache in a process is neither.
                _ => {}
            }
        }
    }

    fn limits(&self) -> Limits {
        // What must be validated once it is stale has no time after that.
        let extension = self.stale_while_revalidate.filter(|_| !self.must_revalidate).unwrap_or(0);
        let fresh = self.max_age.map(|age| Duration::from_secs(age + extension));
        let outage = self.stale_if_error.map(Duration::from_secs);
        let strict = self.no_cache || self.must_revalidate;
        Limits {
            staleness_bound: if self.no_cache { Some(Duration::ZERO) } else { fresh },
            outage_bound: if strict { Some(Duration::ZERO) } else { outage },
            no_store: self.no_store,
        }
    }
}

/// Splits at `separator`, but not inside of quotes; the rest of a string that
/// is never closed belongs to it.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |&byte| {
        let in_string = quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        byte == separator && !in_string
    })
}

/// An argument as it is meant: `"10"` is `10` (RFC 9111 5.2 asks to take both).
fn unquoted(argument: &[u8]) -> Vec<u8> {
    let argument = argument.trim_ascii();
    let Some(inside) = argument.strip_prefix(b"\"") else { return argument.to_vec() };
    let inside = inside.strip_suffix(b"\"").unwrap_or(inside);
    inside.iter().copied().filter(|byte| *byte != b'\\').collect()
}

/// RFC 9111 1.2.2; `None` for anything but digits.
pub(super) fn delta_seconds(text: &[u8]) -> Option<u64> {
    whole_number(text).map(|seconds| seconds.min(LONGEST_SECONDS))
}

/// Digits and nothing else; a number too large is the largest there is.
pub(super) fn whole_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0'))))
}

#[cfg(test)]
mod tests;
