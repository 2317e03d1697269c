//! Freshness: may this entry answer this read?
//!
//! `(proof, bounds, now) -> verdict`. G1 stands or falls here, so there is no
//! other place in the project that decides it.

use std::time::Duration;

use crate::facts::clock::{Instant, saturating_nanos};
use crate::facts::entry::{Entry, Limits};
use crate::facts::version::Version;

/// How much an age grows for a local clock that may run slow, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift(pub u32);

impl Drift {
    /// The time from `earlier` to `now`, with the allowance, rounded up.
    pub fn age(self, earlier: Instant, now: Instant) -> Duration {
        let nanos = now.as_nanos().saturating_sub(earlier.as_nanos());
        // Ages of hours, at the usual allowances, without a division of 128 bits.
        if let Some(product) = nanos.checked_mul(self.0.into()) {
            return Duration::from_nanos(nanos.saturating_add(product.div_ceil(1_000_000)));
        }
        let allowance = (u128::from(nanos) * u128::from(self.0)).div_ceil(1_000_000);
        Duration::from_nanos(nanos.saturating_add(u64::try_from(allowance).unwrap_or(u64::MAX)))
    }
}

/// The bounds that a cache has for a key, before entry and read have their say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyBounds {
    /// Hard bound.
    pub staleness: Duration,
    /// Hard bound of negative entries.
    pub negative: Duration,
    /// Share of the hard bound after which a refresh is asked for, in 1/65536.
    pub refresh_share: u32,
    /// How old a degraded answer may be; zero: never.
    pub outage: Duration,
}

/// What a read asks for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadBounds {
    /// Bound of this read.
    pub staleness: Option<Duration>,
    /// Whether `staleness` may be wider than the bounds of cache and prefix.
    pub widen: bool,
    /// Outage bound of this read, instead of the cache's.
    pub outage: Option<Duration>,
    /// The least version that will do.
    pub min_version: Version,
}

/// What is known of an entry's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When the value was surely current, or later.
    pub validated_at: Instant,
    /// Proofs requested up to here do not count.
    pub unproved_until: Instant,
    /// The version.
    pub version: Version,
    /// Whether it is a negative entry.
    pub negative: bool,
    /// What the origin allows.
    pub limits: Limits,
}

impl Standing {
    /// The standing of an entry now.
    #[inline]
    pub fn of(entry: &Entry) -> Self {
        Self {
            validated_at: entry.validated_at(),
            unproved_until: entry.unproved_until(),
            version: entry.version(),
            negative: entry.is_negative(),
            limits: entry.limits(),
        }
    }
}

/// May the entry answer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the bound. `aging`: close to expiry, a refresh is due.
    Fresh {
        /// Upper bound on the staleness.
        age: Duration,
        /// Whether a background refresh should start.
        aging: bool,
    },
    /// Past the bound.
    Expired {
        /// Upper bound on the staleness.
        age: Duration,
    },
    /// Its proof does not count for this read, whatever its age: unproved by
    /// a write of unknown outcome, or asked anew at every read (`no-cache`).
    Unproved {
        /// Upper bound on the staleness.
        age: Duration,
    },
    /// Lower than the version that the read must see.
    TooLow,
}

/// The hard bound for a read of this entry: the tightest wins, except that a
/// read may widen, expressly, what the cache says (never what the origin says).
#[inline(always)]
pub fn hard_bound(standing: &Standing, key: &KeyBounds, read: &ReadBounds) -> Duration {
    let ours = if standing.negative { key.negative.min(key.staleness) } else { key.staleness };
    let asked = match read.staleness {
        Some(asked) if read.widen => asked,
        Some(asked) => asked.min(ours),
        None => ours,
    };
    standing.limits.staleness_bound.map_or(asked, |limit| asked.min(limit))
}

/// How old a degraded answer may be; `None`: this read gets none.
pub fn outage_bound(standing: &Standing, key: &KeyBounds, read: &ReadBounds) -> Option<Duration> {
    let asked = read.outage.unwrap_or(key.outage);
    let bound = standing.limits.outage_bound.map_or(asked, |limit| asked.min(limit));
    // `no-cache` means: never without asking, not even then.
    let never = standing.limits.staleness_bound.is_some_and(|limit| limit.is_zero());
    (!bound.is_zero() && !never).then_some(bound)
}

/// Decides whether an entry may answer a read that began at `started`.
/// `now` must be read *after* the entry was loaded.
#[inline(always)]
pub fn judge(
    standing: &Standing,
    key: &KeyBounds,
    read: &ReadBounds,
    drift: Drift,
    started: Instant,
    now: Instant,
) -> Verdict {
    let age = drift.age(standing.validated_at, now);
    // "No such key" without a version has nothing to compare, but what an
    // origin says after the read began is not older than what it must see.
    let unversioned = standing.negative && standing.version == Version::NONE;
    if standing.version < read.min_version && !(unversioned && standing.validated_at >= started) {
        return Verdict::TooLow;
    }
    if standing.validated_at <= standing.unproved_until {
        return Verdict::Unproved { age };
    }
    let bound = hard_bound(standing, key, read);
    if bound.is_zero() {
        // `no-cache`: only an answer to a request sent within this read will do,
        // and that within the bound that would apply without it.
        let limits = Limits { staleness_bound: None, ..standing.limits };
        let bound = hard_bound(&Standing { limits, ..*standing }, key, read);
        return match standing.validated_at >= started {
            true if age <= bound => Verdict::Fresh { age, aging: false },
            true => Verdict::Expired { age },
            false => Verdict::Unproved { age },
        };
    }
    if age > bound {
        return Verdict::Expired { age };
    }
    // A read's own bound is no reason to refresh for everybody.
    let shared = hard_bound(standing, key, &ReadBounds::default());
    let soft = saturating_nanos(shared) / 65_536 * u64::from(key.refresh_share);
    Verdict::Fresh { age, aging: saturating_nanos(age) > soft }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn key() -> KeyBounds {
        KeyBounds { staleness: 200 * MS, negative: 50 * MS, refresh_share: 32_768, outage: Duration::ZERO }
    }

    fn standing(validated_at_ms: u64) -> Standing {
        Standing {
            validated_at: Instant::ZERO.after(Duration::from_millis(validated_at_ms)),
            unproved_until: Instant::ZERO,
            version: Version::new(7),
            negative: false,
            limits: Limits::default(),
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    #[test]
    fn table_of_verdicts() {
        let read = ReadBounds::default();
        let verdict = |s: &Standing, r: &ReadBounds, now| judge(s, &key(), r, Drift(0), at(now), at(now));
        let s = standing(1000);
        assert_eq!(verdict(&s, &read, 1050), Verdict::Fresh { age: 50 * MS, aging: false });
        assert_eq!(verdict(&s, &read, 1150), Verdict::Fresh { age: 150 * MS, aging: true });
        assert_eq!(verdict(&s, &read, 1200), Verdict::Fresh { age: 200 * MS, aging: true });
        assert_eq!(verdict(&s, &read, 1201), Verdict::Expired { age: 201 * MS });
        let tight = ReadBounds { staleness: Some(10 * MS), ..read };
        assert_eq!(verdict(&s, &tight, 1050), Verdict::Expired { age: 50 * MS });
        let wide = ReadBounds { staleness: Some(500 * MS), ..read };
        assert_eq!(verdict(&s, &wide, 1300), Verdict::Expired { age: 300 * MS });
        let wider = ReadBounds { widen: true, ..wide };
        assert_eq!(verdict(&s, &wider, 1300), Verdict::Fresh { age: 300 * MS, aging: true });
        let high = ReadBounds { min_version: Version::new(8), ..read };
        assert_eq!(verdict(&s, &high, 1001), Verdict::TooLow);
        let gone = Standing { negative: true, version: Version::NONE, ..s };
        assert_eq!(verdict(&gone, &high, 1001), Verdict::TooLow);
        assert_eq!(verdict(&gone, &high, 1000), Verdict::Fresh { age: Duration::ZERO, aging: false });
        let negative = Standing { negative: true, ..s };
        assert_eq!(verdict(&negative, &read, 1060), Verdict::Expired { age: 60 * MS });
        let unproved = Standing { unproved_until: at(1000), ..s };
        assert_eq!(verdict(&unproved, &read, 1001), Verdict::Unproved { age: MS });
    }

    #[test]
    fn what_the_origin_says_only_tightens() {
        let limited = |bound| Standing {
            limits: Limits {
                staleness_bound: Some(bound),
                outage_bound: Some(Duration::ZERO),
                ..Limits::default()
            },
            ..standing(1000)
        };
        let widen = ReadBounds { staleness: Some(900 * MS), widen: true, ..ReadBounds::default() };
        assert_eq!(hard_bound(&limited(100 * MS), &key(), &widen), 100 * MS);
        assert_eq!(hard_bound(&limited(900 * MS), &key(), &ReadBounds::default()), 200 * MS);
        let outage = ReadBounds { outage: Some(9 * MS), ..ReadBounds::default() };
        assert_eq!(outage_bound(&limited(MS), &key(), &outage), None);
        assert_eq!(outage_bound(&standing(0), &key(), &outage), Some(9 * MS));
        let no_cache = limited(Duration::ZERO);
        let judged =
            |started| judge(&no_cache, &key(), &ReadBounds::default(), Drift(0), at(started), at(1001));
        assert_eq!(judged(1001), Verdict::Unproved { age: MS });
        assert_eq!(judged(1000), Verdict::Fresh { age: MS, aging: false });
        let late = judge(&no_cache, &key(), &ReadBounds::default(), Drift(0), at(1000), at(1201));
        assert_eq!(late, Verdict::Expired { age: 201 * MS }, "asked within the read, but too old for it");
    }

    #[test]
    fn drift_rounds_up() {
        assert_eq!(Drift(500).age(Instant::ZERO, Instant::from_nanos(1)), Duration::from_nanos(2));
        assert_eq!(
            Drift(500).age(Instant::ZERO, Instant::from_nanos(2_000_000)),
            Duration::from_nanos(2_001_000)
        );
        assert_eq!(Drift(500).age(Instant::from_nanos(9), Instant::from_nanos(1)), Duration::ZERO);
        assert_eq!(Drift(u32::MAX).age(Instant::ZERO, Instant::FAR_FUTURE), Duration::from_nanos(u64::MAX));
    }

    proptest! {
        #[test]
        fn fresh_means_within_every_bound_that_applies(
            validated in 0u64..5_000, now in 0u64..10_000, asked in prop::option::of(1u64..3_000),
            widen: bool, limit in prop::option::of(0u64..3_000), negative: bool, ppm in 0u32..100_000,
        ) {
            let s = Standing {
                negative,
                limits: Limits { staleness_bound: limit.map(Duration::from_millis), ..Limits::default() },
                ..standing(validated)
            };
            let read = ReadBounds { staleness: asked.map(Duration::from_millis), widen, ..ReadBounds::default() };
            if let Verdict::Fresh { age, .. } = judge(&s, &key(), &read, Drift(ppm), at(now), at(now)) {
                let true_age = Duration::from_millis(now.saturating_sub(validated));
                prop_assert!(age >= true_age);
                if let Some(limit) = limit {
                    prop_assert!(age <= Duration::from_millis(limit) || (limit == 0 && validated >= now));
                }
                if let Some(asked) = asked {
                    prop_assert!(age <= Duration::from_millis(asked));
                }
                if asked.is_none() || !widen {
                    prop_assert!(age <= 200 * MS);
                }
            }
        }
    }
}
