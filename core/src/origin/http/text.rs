//! Text for error messages: what was seen, short and printable.

use std::error::Error;
use std::fmt::Write;

/// Enough to recognise what was seen; no answer can flood a log.
const LONGEST: usize = 120;

/// `text` with everything unprintable escaped, cut where it is too long.
pub(super) fn shown(text: impl AsRef<[u8]>) -> String {
    let bytes = text.as_ref();
    // Cut first: escaping a value of megabytes to throw it away costs time.
    let mut out = bytes[..bytes.len().min(LONGEST)].escape_ascii().to_string();
    if bytes.len() > LONGEST {
        out.push_str("...");
    }
    out
}

/// An error with its causes, outermost first.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let separator = if text.is_empty() { "" } else { ": " };
        // Writing to a String does not fail.
        let _ = write!(text, "{separator}{error}");
        next = error.source();
    }
    shown(text)
}
