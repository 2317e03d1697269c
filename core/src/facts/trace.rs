//! W3C Trace Context, taken from the caller and passed to the origin.

use std::fmt;

/// A `traceparent` header: `00-<32 hex>-<16 hex>-<2 hex>`
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext(Box<str>);

impl TraceContext {
    /// Checks the form of the header. `None` for anything else, an all-zero
    /// trace or parent id included, as the recommendation asks.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let fields = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let hex = |s: &str| s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let zero = |s: &str| s.bytes().all(|b| b == b'0');
        let formed = parts.next().is_none()
            && fields.iter().zip([2, 32, 16, 2]).all(|(f, len)| f.len() == len && hex(f))
            && fields[0] != "ff"
            && !zero(fields[1])
            && !zero(fields[2]);
        formed.then(|| Self(text.into()))
    }

    /// The header as it goes out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_the_recommended_form() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).unwrap().as_str(), good);
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx: y",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-00",
        ] {
            assert!(TraceContext::parse(bad).is_none(), "{bad:?}");
        }
    }
}
