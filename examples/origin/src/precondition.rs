//! `If-Match` and `If-None-Match` (RFC 9110 13.1), on reads and on writes.

use axum::http::{HeaderMap, HeaderName, header};

use crate::problem::Problem;

const ALLOWED: &str = r#"* or a list of entity tags: "1", W/"2""#;

/// The value of one of the two headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: anything that exists.
    Any,
    /// Entity tags: (weak, opaque tag without its quotes).
    List(Vec<(bool, String)>),
}

impl Tags {
    /// Reads a header; several lines of it are one list.
    pub fn parse(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(name) {
            let invalid =
                || Problem::invalid(name.as_str(), String::from_utf8_lossy(value.as_bytes()), ALLOWED);
            let text = value.to_str().map_err(|_| invalid())?;
            if text.trim() == "*" {
                return Ok(Some(Self::Any));
            }
            for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                let (weak, quoted) = match tag.strip_prefix("W/") {
                    Some(quoted) => (true, quoted),
                    None => (false, tag),
                };
                let opaque = quoted
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                    .filter(|opaque| !opaque.contains('"'))
                    .ok_or_else(invalid)?;
                tags.push((weak, opaque.to_owned()));
            }
        }
        Ok((!tags.is_empty()).then_some(Self::List(tags)))
    }

    /// Weak comparison, for `If-None-Match`.
    pub fn match_weakly(&self, current: Option<u64>) -> bool {
        self.matches(current, |_| true)
    }

    /// Strong comparison, for `If-Match`: a weak tag never matches.
    pub fn match_strongly(&self, current: Option<u64>) -> bool {
        self.matches(current, |weak| !weak)
    }

    fn matches(&self, current: Option<u64>, eligible: impl Fn(bool) -> bool) -> bool {
        let Some(version) = current else { return false };
        match self {
            Self::Any => true,
            Self::List(tags) => {
                let version = version.to_string();
                tags.iter().any(|(weak, tag)| eligible(*weak) && *tag == version)
            }
        }
    }
}

/// What a write asks of the present state of its key.
#[derive(Debug, Clone, Default)]
pub struct Precondition {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Precondition {
    /// Reads both headers.
    pub fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            if_match: Tags::parse(headers, &header::IF_MATCH)?,
            if_none_match: Tags::parse(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// Whether the write may go on. `current`: the version of the present value, `None` if there is
    /// no value (also when it was deleted: a tombstone is no representation to match).
    pub fn holds(&self, current: Option<u64>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.match_strongly(current))
            && self.if_none_match.as_ref().is_none_or(|tags| !tags.match_weakly(current))
    }
}

#[cfg(test)]
mod tests {
    use super::{Precondition, Tags};
    use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn tags_compare_as_rfc_9110_says() {
        let table = [
            ("*", Some(3), true, true),
            ("*", None, false, false),
            ("\"3\"", Some(3), true, true),
            ("W/\"3\"", Some(3), true, false),
            ("\"1\", \"3\"", Some(3), true, true),
            ("\"2\"", Some(3), false, false),
        ];
        for (text, current, weakly, strongly) in table {
            let tags = Tags::parse(&headers(header::IF_MATCH, text), &header::IF_MATCH);
            let tags = tags.unwrap().unwrap();
            assert_eq!(tags.match_weakly(current), weakly, "{text}");
            assert_eq!(tags.match_strongly(current), strongly, "{text}");
        }
    }

    #[test]
    fn malformed_tags_are_refused_not_ignored() {
        for text in ["3", "\"3", "W/3", "\"1\" \"2\""] {
            assert!(Precondition::parse(&headers(header::IF_MATCH, text)).is_err(), "{text}");
        }
    }

    #[test]
    fn create_only() {
        let create = Precondition::parse(&headers(header::IF_NONE_MATCH, "*")).unwrap();
        assert!(create.holds(None));
        assert!(!create.holds(Some(1)));
    }
}
