//! How the values of options are written and read: durations with a unit,
//! sizes with a unit, whole numbers, text.

use std::fmt;
use std::time::Duration;

/// A type that an option can have.
pub(crate) trait OptionValue: Sized {
    /// Name of the type, for the reference.
    const TYPE: &'static str;
    /// Reads the text, or says what is allowed.
    fn parse(text: &str) -> Result<Self, &'static str>;
    /// The number that the range of the option limits, if it has one.
    fn magnitude(&self) -> Option<u128>;
    /// The inverse of `parse`.
    fn render(&self) -> String;
}

const DURATION_FORM: &str = "a number with a unit: ns, us, ms, s, m, h or d, such as 200ms or 1.5s";

const DURATION_UNITS: &[(&str, u128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZE_FORM: &str = "a number of bytes, with or without a unit: B, kB, MB, GB, KiB, MiB, GiB";

const SIZE_UNITS: &[(&str, u128)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads `<digits>[.<digits>]<unit>` exactly: no floating point, no sign.
fn parse_scaled(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.len() <= 20 && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction_scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u128>().ok()?.checked_mul(scale)? / fraction_scale;
    whole.parse::<u128>().ok()?.checked_mul(scale)?.checked_add(part)
}

impl OptionValue for Duration {
    const TYPE: &'static str = "duration";

    fn parse(text: &str) -> Result<Self, &'static str> {
        let nanos = parse_scaled(text, DURATION_UNITS).ok_or(DURATION_FORM)?;
        u64::try_from(nanos).map(Self::from_nanos).map_err(|_| DURATION_FORM)
    }

    fn magnitude(&self) -> Option<u128> {
        Some(self.as_nanos())
    }

    fn render(&self) -> String {
        let nanos = self.as_nanos();
        let units = DURATION_UNITS.iter().rev().filter(|(name, _)| *name != "µs");
        let (name, scale) = units
            .copied()
            .find(|(_, scale)| nanos >= *scale && nanos.is_multiple_of(*scale))
            .unwrap_or(("s", 1_000_000_000));
        format!("{}{name}", nanos / scale)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

impl OptionValue for Size {
    const TYPE: &'static str = "size";

    fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = parse_scaled(text, SIZE_UNITS).ok_or(SIZE_FORM)?;
        usize::try_from(bytes).map(Self).map_err(|_| SIZE_FORM)
    }

    fn magnitude(&self) -> Option<u128> {
        Some(self.0 as u128)
    }

    fn render(&self) -> String {
        let units = SIZE_UNITS.iter().rev().filter(|(name, _)| name.ends_with("iB"));
        let bytes = self.0 as u128;
        match units.copied().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale)) {
            Some((name, scale)) => format!("{}{name}", bytes / scale),
            None => format!("{bytes}"),
        }
    }
}

impl OptionValue for u64 {
    const TYPE: &'static str = "integer";

    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "a whole number";
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FORM);
        }
        text.parse().map_err(|_| FORM)
    }

    fn magnitude(&self) -> Option<u128> {
        Some(u128::from(*self))
    }

    fn render(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for String {
    const TYPE: &'static str = "text";

    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(char::is_control) {
            return Err("text without control characters");
        }
        Ok(text.to_owned())
    }

    fn magnitude(&self) -> Option<u128> {
        None
    }

    fn render(&self) -> String {
        self.clone()
    }
}

/// Text that is never shown: not in errors, logs, metrics or `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "\"***\"" })
    }
}

impl OptionValue for Secret {
    const TYPE: &'static str = "secret";

    fn parse(text: &str) -> Result<Self, &'static str> {
        String::parse(text).map(Self)
    }

    fn magnitude(&self) -> Option<u128> {
        None
    }

    fn render(&self) -> String {
        format!("{self:?}")
    }
}

/// Bounds by key prefix: `prices/=50ms,static/=10s`. The longest prefix that
/// fits a key counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixBounds(Vec<(Box<[u8]>, Duration)>);

impl PrefixBounds {
    /// The bound of the longest prefix of `key`.
    pub fn of(&self, key: &[u8]) -> Option<Duration> {
        self.0.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, bound)| *bound)
    }
}

impl OptionValue for PrefixBounds {
    const TYPE: &'static str = "prefix bounds";

    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str =
            "prefix=duration pairs with commas between, such as prices/=50ms,static/=10s; bounds from 1ms on";
        let mut bounds = Vec::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (prefix, bound) = pair.rsplit_once('=').ok_or(FORM)?;
            let bound = Duration::parse(bound).map_err(|_| FORM)?;
            if prefix.is_empty() || bound < Duration::from_millis(1) {
                return Err(FORM);
            }
            bounds.push((prefix.as_bytes().into(), bound));
        }
        bounds.sort_by_key(|(prefix, _): &(Box<[u8]>, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self(bounds))
    }

    fn magnitude(&self) -> Option<u128> {
        None
    }

    fn render(&self) -> String {
        let pair = |(prefix, bound): &(Box<[u8]>, Duration)| {
            format!("{}={}", String::from_utf8_lossy(prefix), bound.render())
        };
        self.0.iter().map(pair).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos) in
            [("200ms", 200_000_000), ("1.5s", 1_500_000_000), ("0s", 0), ("2 s", 2_000_000_000)]
        {
            assert_eq!(Duration::parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for text in
            ["", "200", "ms", "-1s", "1e3s", "1.s", ".5s", "1s2", "99999999999999999999d", "1.2.3s", "NaNs"]
        {
            assert_eq!(Duration::parse(text), Err(DURATION_FORM), "{text}");
        }
        for text in ["200ms", "90s", "1d", "0s", "1us"] {
            assert_eq!(Duration::parse(text).unwrap().render(), text);
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(Size::parse("64MiB"), Ok(Size(64 << 20)));
        assert_eq!(Size::parse("1.5kB"), Ok(Size(1500)));
        assert_eq!(Size::parse("7"), Ok(Size(7)));
        assert!(Size::parse("7 bytes").is_err());
        assert_eq!(Size(64 << 20).render(), "64MiB");
    }

    #[test]
    fn longest_prefix_counts() {
        let bounds = PrefixBounds::parse("a=1s,a/b=50ms").unwrap();
        assert_eq!(bounds.of(b"a/b/c"), Some(Duration::from_millis(50)));
        assert_eq!(bounds.of(b"a/c"), Some(Duration::from_secs(1)));
        assert_eq!(bounds.of(b"b"), None);
        assert!(PrefixBounds::parse("a").is_err() && PrefixBounds::parse("a=0s").is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::parse("hunter2").unwrap();
        assert!(!format!("{secret:?}{}", secret.render()).contains("hunter2"));
    }
}
