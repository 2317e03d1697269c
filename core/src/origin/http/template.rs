//! The URL template: where the key goes, and where compare is.

use std::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;
use crate::origin::{OriginError, OriginResult};

const PLACE: &str = "{key}";

/// All but the unreserved characters of RFC 3986 2.3: `/` too, so that a key
/// is always one segment.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An origin's URL with one place for the key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Template {
    before: String,
    after: String,
    in_path: bool,
    secure: bool,
    loopback: bool,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&format!("{}{PLACE}{}", self.before, self.after)))
    }
}

impl Template {
    /// Reads a template. Errors name the option `origin` and show the URL
    /// without credentials and query, which may hold secrets.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let check = |good: bool, allowed: &str| {
            if good { Ok(()) } else { Err(Error::invalid("origin", redacted(text), allowed)) }
        };
        let written = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`|".contains(&b);
        check(text.bytes().all(written), "a URL of printable ASCII, all else percent-encoded")?;
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let secure = scheme.eq_ignore_ascii_case("https");
        check(secure || scheme.eq_ignore_ascii_case("http"), "a URL that begins with http:// or https://")?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let credentials = "a URL without user and password; a token goes into origin_bearer_token";
        check(!authority.contains('@'), credentials)?;
        check(!authority.contains(['{', '}']), "a host that does not depend on the key")?;
        check(!rest.contains('#'), "a URL without #fragment")?;

        let once = "a URL with {key} exactly once, and no other braces";
        let (before, after) = text.split_once(PLACE).unwrap_or((text, "}"));
        check(!before.contains(['{', '}']) && !after.contains(['{', '}']), once)?;
        let in_path = !before.contains('?');
        let whole_segment = before.ends_with('/') && (after.is_empty() || after.starts_with('?'));
        check(!in_path || whole_segment, "{key} as the whole last segment of the path, or in the query")?;

        let host = "a URL with a host, and a port from 1 to 65535 if any";
        let uri = Uri::try_from(format!("{before}k{after}")).ok();
        // `Uri` takes any digits for a port, and looks at it no further.
        let has_port = authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
        let name = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let port = uri.as_ref().and_then(Uri::port_u16);
        check(!name.is_empty() && port != Some(0) && port.is_some() == has_port, host)?;

        let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        let loopback = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback());
        Ok(Self { before: before.into(), after: after.into(), in_path, secure, loopback })
    }

    /// Whether it is `https`.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The URL of a key.
    pub(super) fn item(&self, key: &Key) -> OriginResult<Uri> {
        let encoded: String = match key.as_bytes() {
            // As they are, these would be resolved away and another resource asked.
            b"." if self.in_path => "%2E".into(),
            b".." if self.in_path => "%2E%2E".into(),
            bytes => percent_encode(bytes, ENCODED).collect(),
        };
        let length = encoded.len();
        Uri::try_from(format!("{}{encoded}{}", self.before, self.after)).map_err(|_| {
            let message = format!("key: {length} bytes when percent-encoded do not fit a URL");
            OriginError::refused(Code::InvalidArgument, message)
        })
    }

    /// The URL of compare: beside the keys, with the same query. There is none
    /// if the key is in the query: such a URL has no "beside".
    pub(super) fn compare(&self) -> Option<Uri> {
        self.in_path.then(|| Uri::try_from(format!("{}compare{}", self.before, self.after)).ok()).flatten()
    }
}

/// The URL without what may be secret. Cuts rather too much: a URL that could
/// not be read may have its password anywhere.
pub(super) fn redacted(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(s, r)| (&text[..s.len() + 3], r));
    let (mark, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("***@", host));
    let scheme = if scheme.contains('@') { "" } else { scheme };
    match rest.split_once('?') {
        Some((path, _)) => format!("{scheme}{mark}{path}?***"),
        None => format!("{scheme}{mark}{rest}"),
    }
}

#[cfg(test)]
mod tests;
