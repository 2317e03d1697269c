//! Options that are a word or a number.

use super::option_value::OptionValue;

/// How keys share refresh leases: `lease_slots`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseSlots {
    /// Each key has a lease of its own.
    PerKey,
    /// So many leases, each for the keys whose hash falls into its slot.
    Slots(u32),
}

const MAX_SLOTS: u32 = 1 << 20;

impl OptionValue for LeaseSlots {
    const TYPE: &'static str = "text";

    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "per_key, or a number of slots from 1 to 1048576";
        if text == "per_key" {
            return Ok(Self::PerKey);
        }
        let slots = u64::parse(text).ok().and_then(|slots| u32::try_from(slots).ok());
        slots.filter(|slots| (1..=MAX_SLOTS).contains(slots)).map(Self::Slots).ok_or(FORM)
    }

    fn magnitude(&self) -> Option<u128> {
        None
    }

    fn render(&self) -> String {
        match self {
            Self::PerKey => "per_key".into(),
            Self::Slots(slots) => slots.to_string(),
        }
    }
}

/// From which access rate on a key is hot: `prefetch_threshold`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PrefetchThreshold {
    /// No key is.
    Off,
    /// One read within the key's bound: there a refresh saves as many waiting
    /// reads as it costs calls of the origin.
    Adaptive,
    /// So many reads a second.
    PerSecond(f64),
}

impl OptionValue for PrefetchThreshold {
    const TYPE: &'static str = "text";

    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "adaptive, off, or a rate above zero with its unit, such as 0.5/s";
        match text {
            "off" => Ok(Self::Off),
            "adaptive" => Ok(Self::Adaptive),
            rate => {
                let number = rate.strip_suffix("/s").ok_or(FORM)?;
                let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let rate = number.parse().ok().filter(|rate: &f64| plain && *rate > 0.0 && *rate <= 1e9);
                rate.map(Self::PerSecond).ok_or(FORM)
            }
        }
    }

    fn magnitude(&self) -> Option<u128> {
        None
    }

    fn render(&self) -> String {
        match self {
            Self::Off => "off".into(),
            Self::Adaptive => "adaptive".into(),
            Self::PerSecond(rate) => format!("{rate}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers() {
        for text in ["per_key", "1", "1024", "1048576"] {
            assert_eq!(LeaseSlots::parse(text).unwrap().render(), text);
        }
        for text in ["", "0", "1048577", "-1", "per key", "1e3"] {
            assert!(LeaseSlots::parse(text).is_err(), "{text}");
        }
        for text in ["off", "adaptive", "0.5/s", "20/s"] {
            assert_eq!(PrefetchThreshold::parse(text).unwrap().render(), text);
        }
        for text in ["", "0/s", "5", "-1/s", "inf/s", "NaN/s", "1e3/s", "0.0/s", "5/m"] {
            assert!(PrefetchThreshold::parse(text).is_err(), "{text}");
        }
    }
}
