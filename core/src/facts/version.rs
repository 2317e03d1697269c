//! Versions: what edgecmp compares with the origin instead of trusting a TTL.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// An ordered version of one key: a counter, or the 128 bits of a UUIDv7/ULID
/// (RFC 9562), whose order is their order in time.
///
/// Printed as decimal below 2^64 and in the UUID form from there on. Both
/// forms are read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u128);

impl Version {
    /// Lower than every version an origin gives: "none known".
    pub const NONE: Self = Self(0);

    /// The version with this number.
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// The version as a number.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The upper and the lower 64 bits, for ABIs without 128-bit integers.
    pub const fn halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }

    /// The inverse of [`Version::halves`].
    pub const fn from_halves(high: u64, low: u64) -> Self {
        Self(((high as u128) << 64) | low as u128)
    }
}

impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if u64::try_from(self.0).is_ok() {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{}", Uuid::from_u128(self.0).hyphenated())
        }
    }
}

/// The text is neither an unsigned decimal below 2^128 nor a UUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseVersionError;

impl fmt::Display for ParseVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version is an unsigned decimal below 2^128, or a UUID")
    }
}

impl std::error::Error for ParseVersionError {}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `u128::from_str` takes a leading '+'; headers must not.
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self).map_err(|_| ParseVersionError);
        }
        match text.len() {
            36 => Uuid::try_parse(text).map(|u| Self(u.as_u128())).map_err(|_| ParseVersionError),
            _ => Err(ParseVersionError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_both_forms() {
        let uuid = "018f2f9e-7c1a-7000-8000-000000000001";
        for text in ["0", "42", "18446744073709551615", uuid] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        let large = Version::new(1 << 64);
        assert_eq!(large.to_string().parse::<Version>().unwrap(), large);
        let (high, low) = large.halves();
        assert_eq!(Version::from_halves(high, low), large);
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in ["", "+1", "-1", " 1", "1.0", "abc", "340282366920938463463374607431768211456"] {
            assert_eq!(text.parse::<Version>(), Err(ParseVersionError), "{text:?}");
        }
    }
}
