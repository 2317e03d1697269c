//! Keys: any 1 to 4,096 bytes, percent-encoded as one path segment.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::problem::Problem;

/// The longest key.
pub const MAX_KEY_BYTES: usize = 4096;

const ALLOWED: &str = "1 to 4096 bytes; each byte outside A-Z a-z 0-9 - . _ ~ as %XX";

/// Decodes a path segment as it came on the wire.
///
/// Strict: `%zz` is an error rather than four literal characters, because two spellings of one key
/// would be two keys to a cache.
pub fn decode(segment: &str) -> Result<Bytes, Problem> {
    let invalid = || Problem::invalid("key", segment, ALLOWED);
    let mut key = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let ([high, low], after) = rest.split_first_chunk().ok_or_else(invalid)?;
            let nibbles = hex(*high).zip(hex(*low)).ok_or_else(invalid)?;
            key.push(nibbles.0 << 4 | nibbles.1);
            rest = after;
        } else {
            key.push(byte);
        }
    }
    check(&key)?;
    Ok(Bytes::from(key))
}

/// Refuses keys that are empty or too long.
pub fn check(key: &[u8]) -> Result<(), Problem> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(Problem::invalid("key", format!("{} bytes", key.len()), ALLOWED))
}

/// The segment that names `key`.
pub fn encode(key: &[u8]) -> String {
    key.iter().fold(String::with_capacity(key.len()), |mut segment, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
        segment
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_byte_survives() {
        let key: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&key)).unwrap(), key);
    }

    #[test]
    fn broken_escapes_and_lengths_are_refused() {
        for segment in ["", "%", "%4", "%zz", "a%2", &"k".repeat(4097)] {
            assert!(decode(segment).is_err(), "{segment:?}");
        }
        assert_eq!(decode("a%2fb").unwrap(), "a/b");
    }
}
