//! Freshness: may this entry answer this read?
//!
//! `(proof, bounds, now) -> verdict`. G1 stands or falls here, so there is no
//! other place in the project that decides it.

use crate::facts::clock::{Instant, Span};
use crate::facts::entry::Entry;
use crate::facts::receipt::HitSeen;
use crate::facts::version::Version;

/// How much an age grows for a local clock that may run slow, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift(pub u32);

impl Drift {
    /// The time from `earlier` to `now`, with the allowance, rounded up.
    #[inline]
    pub fn age(self, earlier: Instant, now: Instant) -> Span {
        let nanos = now.as_nanos().saturating_sub(earlier.as_nanos());
        // Ages of hours, at the usual allowances, without a division of 128 bits.
        if let Some(product) = nanos.checked_mul(self.0.into()) {
            return Span::from_nanos(nanos.saturating_add(product.div_ceil(1_000_000)));
        }
        let allowance = (u128::from(nanos) * u128::from(self.0)).div_ceil(1_000_000);
        Span::from_nanos(nanos.saturating_add(u64::try_from(allowance).unwrap_or(u64::MAX)))
    }
}

/// The bounds that a cache has for a key, before entry and read have their say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyBounds {
    /// Hard bound.
    pub staleness: Span,
    /// Hard bound of negative entries.
    pub negative: Span,
    /// Share of the hard bound after which a read says that the key is wanted, so
    /// that it is refreshed in time, in 1/65536.
    pub wanted_share: u32,
    /// How old a degraded answer may be; zero: never.
    pub outage: Span,
}

/// What a read asks for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadBounds {
    /// Bound of this read.
    pub staleness: Option<Span>,
    /// Whether `staleness` may be wider than the bounds of cache and prefix.
    pub widen: bool,
    /// Outage bound of this read, instead of the cache's.
    pub outage: Option<Span>,
    /// The least version that will do.
    pub min_version: Version,
}

impl ReadBounds {
    /// Nothing special.
    pub const NONE: Self = Self { staleness: None, widen: false, outage: None, min_version: Version::NONE };
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
    /// The hard bound that the origin allows; zero: every read asks (`no-cache`).
    pub staleness_limit: Option<Span>,
    /// How old a degraded answer the origin allows; zero: none.
    pub outage_limit: Option<Span>,
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
            staleness_limit: entry.staleness_limit(),
            outage_limit: entry.outage_limit(),
        }
    }
}

/// May the entry answer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the bound. `aging`: it is time to think of a refresh.
    Fresh {
        /// Upper bound on the staleness.
        age: Span,
        /// The bound that the read was held to.
        bound: Span,
        /// Whether the read says that the key is wanted.
        aging: bool,
    },
    /// Past the bound.
    Expired {
        /// Upper bound on the staleness.
        age: Span,
    },
    /// Its proof does not count for this read, whatever its age: unproved by
    /// a write of unknown outcome, or asked anew at every read (`no-cache`).
    Unproved {
        /// Upper bound on the staleness.
        age: Span,
    },
    /// Lower than the version that the read must see.
    TooLow,
}

/// The hard bound for a read of this entry: the tightest wins, except that a
/// read may widen, expressly, what the cache says (never what the origin says).
#[inline]
pub fn hard_bound(standing: &Standing, key: &KeyBounds, read: &ReadBounds) -> Span {
    let ours = if standing.negative { key.negative.min(key.staleness) } else { key.staleness };
    let asked = match read.staleness {
        Some(asked) if read.widen => asked,
        Some(asked) => asked.min(ours),
        None => ours,
    };
    standing.staleness_limit.map_or(asked, |limit| asked.min(limit))
}

/// How old a degraded answer may be; `None`: this read gets none.
pub fn outage_bound(standing: &Standing, key: &KeyBounds, read: &ReadBounds) -> Option<Span> {
    let asked = read.outage.unwrap_or(key.outage);
    let bound = standing.outage_limit.map_or(asked, |limit| asked.min(limit));
    // `no-cache` means: never without asking, not even then.
    let never = standing.staleness_limit == Some(Span::ZERO);
    (bound > Span::ZERO && !never).then_some(bound)
}

/// Ages at which an entry of which nothing special is known answers a read that
/// asks for nothing special, and needs no refresh: what [`judge`] says of nearly
/// all reads, in one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plainly {
    /// By the local clock, without the allowance for its drift.
    within: Span,
    bound: Span,
    drift: Drift,
}

impl Plainly {
    /// For keys of these bounds.
    pub fn of(key: &KeyBounds, drift: Drift) -> Self {
        let soft = soft_bound(key.staleness, key.wanted_share).min(key.staleness).as_nanos();
        let within = u128::from(soft) * 1_000_000 / (1_000_000 + u128::from(drift.0));
        let within = u64::try_from(within).unwrap_or(u64::MAX).saturating_sub(1);
        // Below that an age is told without a multiplication of 128 bits.
        let within = within.min(u64::MAX / 2 / u64::from(drift.0.max(1)));
        Self { within: Span::from_nanos(within), bound: key.staleness, drift }
    }

    /// Never: judge each.
    pub const NEVER: Self = Self { within: Span::ZERO, bound: Span::ZERO, drift: Drift(0) };

    /// What a read has seen then, if that is so.
    #[inline(always)]
    pub(crate) fn judge(&self, entry: &Entry, now: Instant) -> Option<HitSeen> {
        let validated_at = entry.validated_at();
        let nanos = now.as_nanos().saturating_sub(validated_at.as_nanos());
        if nanos >= self.within.as_nanos() || !entry.is_plain() {
            return None;
        }
        // The age is that of `Drift::age`, when it is asked for: it does not overflow within that.
        Some(HitSeen { elapsed: Span::from_nanos(nanos), drift_ppm: self.drift.0.into(), bound: self.bound })
    }
}

/// Decides whether an entry may answer a read that began at `started`; `now`
/// was read within it.
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
    if bound == Span::ZERO {
        return judge_no_cache(standing, key, read, started, age);
    }
    if age > bound {
        return Verdict::Expired { age };
    }
    // A read's own bound is no reason to refresh for everybody.
    let shared = hard_bound(standing, key, &ReadBounds::NONE);
    Verdict::Fresh { age, bound, aging: age > soft_bound(shared, key.wanted_share) }
}

/// The age from which on reads say that the key is wanted; `share` is in 1/65536.
#[inline]
pub fn soft_bound(bound: Span, share: u32) -> Span {
    Span::from_nanos((bound.as_nanos() >> 16) * u64::from(share))
}

/// `no-cache`: only an answer to a request sent within this read will do, and
/// that within the bound that would apply without it.
#[cold]
fn judge_no_cache(
    standing: &Standing,
    key: &KeyBounds,
    read: &ReadBounds,
    started: Instant,
    age: Span,
) -> Verdict {
    let bound = hard_bound(&Standing { staleness_limit: None, ..*standing }, key, read);
    match standing.validated_at >= started {
        true if age <= bound => Verdict::Fresh { age, bound: Span::ZERO, aging: false },
        true => Verdict::Expired { age },
        false => Verdict::Unproved { age },
    }
}

/// Whether an entry is of no use any more: past every bound, and that for
/// longer than `kept` (until then the origin can be asked to compare it).
pub fn is_spent(standing: &Standing, key: &KeyBounds, drift: Drift, kept: Span, now: Instant) -> bool {
    let age = drift.age(standing.validated_at, now).as_nanos();
    let useful = hard_bound(standing, key, &ReadBounds::NONE)
        .max(outage_bound(standing, key, &ReadBounds::NONE).unwrap_or_default());
    age > useful.as_nanos().saturating_add(kept.as_nanos())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::entry::{ContentRef, Limits, Proved, SharedEntry};

    const fn ms(ms: u64) -> Span {
        Span::from_nanos(ms * 1_000_000)
    }

    fn key() -> KeyBounds {
        KeyBounds { staleness: ms(200), negative: ms(50), wanted_share: 32_768, outage: Span::ZERO }
    }

    fn fresh(age: Span, bound: u64, aging: bool) -> Verdict {
        Verdict::Fresh { age, bound: ms(bound), aging }
    }

    fn standing(validated_at_ms: u64) -> Standing {
        Standing {
            validated_at: Instant::ZERO.after(Duration::from_millis(validated_at_ms)),
            unproved_until: Instant::ZERO,
            version: Version::new(7),
            negative: false,
            staleness_limit: None,
            outage_limit: None,
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
        assert_eq!(verdict(&s, &read, 1050), fresh(ms(50), 200, false));
        assert_eq!(verdict(&s, &read, 1150), fresh(ms(150), 200, true));
        assert_eq!(verdict(&s, &read, 1200), fresh(ms(200), 200, true));
        assert_eq!(verdict(&s, &read, 1201), Verdict::Expired { age: ms(201) });
        let tight = ReadBounds { staleness: Some(ms(10)), ..read };
        assert_eq!(verdict(&s, &tight, 1050), Verdict::Expired { age: ms(50) });
        let wide = ReadBounds { staleness: Some(ms(500)), ..read };
        assert_eq!(verdict(&s, &wide, 1300), Verdict::Expired { age: ms(300) });
        let wider = ReadBounds { widen: true, ..wide };
        assert_eq!(verdict(&s, &wider, 1300), fresh(ms(300), 500, true));
        let high = ReadBounds { min_version: Version::new(8), ..read };
        assert_eq!(verdict(&s, &high, 1001), Verdict::TooLow);
        let gone = Standing { negative: true, version: Version::NONE, ..s };
        assert_eq!(verdict(&gone, &high, 1001), Verdict::TooLow);
        assert_eq!(verdict(&gone, &high, 1000), fresh(Span::ZERO, 50, false));
        let negative = Standing { negative: true, ..s };
        assert_eq!(verdict(&negative, &read, 1060), Verdict::Expired { age: ms(60) });
        let unproved = Standing { unproved_until: at(1000), ..s };
        assert_eq!(verdict(&unproved, &read, 1001), Verdict::Unproved { age: ms(1) });
    }

    #[test]
    fn what_the_origin_says_only_tightens() {
        let limited = |bound| Standing {
            staleness_limit: Some(bound),
            outage_limit: Some(Span::ZERO),
            ..standing(1000)
        };
        let widen = ReadBounds { staleness: Some(ms(900)), widen: true, ..ReadBounds::default() };
        assert_eq!(hard_bound(&limited(ms(100)), &key(), &widen), ms(100));
        assert_eq!(hard_bound(&limited(ms(900)), &key(), &ReadBounds::default()), ms(200));
        let outage = ReadBounds { outage: Some(ms(9)), ..ReadBounds::default() };
        assert_eq!(outage_bound(&limited(ms(1)), &key(), &outage), None);
        assert_eq!(outage_bound(&standing(0), &key(), &outage), Some(ms(9)));
        let no_cache = limited(Span::ZERO);
        let judged =
            |started| judge(&no_cache, &key(), &ReadBounds::default(), Drift(0), at(started), at(1001));
        assert_eq!(judged(1001), Verdict::Unproved { age: ms(1) });
        assert_eq!(judged(1000), fresh(ms(1), 0, false));
        let late = judge(&no_cache, &key(), &ReadBounds::default(), Drift(0), at(1000), at(1201));
        assert_eq!(late, Verdict::Expired { age: ms(201) }, "asked within the read, but too old for it");
    }

    #[test]
    fn spent_is_past_every_bound_and_then_some() {
        let spent = |s: &Standing, now| is_spent(s, &key(), Drift(0), ms(100), at(now));
        let s = standing(1000);
        assert!(!spent(&s, 1300) && spent(&s, 1301));
        let negative = Standing { negative: true, ..s };
        assert!(!spent(&negative, 1150) && spent(&negative, 1151));
        let outage = KeyBounds { outage: ms(1000), ..key() };
        assert!(!is_spent(&s, &outage, Drift(0), ms(100), at(2100)));
        assert!(is_spent(&s, &outage, Drift(0), ms(100), at(2101)));
        let tight = Standing { staleness_limit: Some(ms(10)), ..s };
        assert!(!spent(&tight, 1110) && spent(&tight, 1111));
    }

    fn entry(validated_at: u64, limits: Limits, value: Option<&[u8]>, unproved_until: u64) -> SharedEntry {
        let content = ContentRef {
            value,
            version: Version::new(7),
            named: true,
            validator: None,
            last_modified_at: None,
            limits,
        };
        let proved = Proved {
            validated_at: at(validated_at),
            received_at: at(validated_at),
            unproved_until: at(unproved_until),
        };
        SharedEntry::new(b"key", content, proved)
    }

    #[test]
    fn an_age_from_before_the_clock_began_is_no_proof() {
        // `Age` of a day, of a host that was booted an hour ago: told as since the boot.
        let plainly = Plainly::of(&KeyBounds { staleness: ms(10_000), ..key() }, Drift(500));
        let judged = |unproved| plainly.judge(&entry(0, Limits::default(), Some(b"v"), unproved), at(1_000));
        assert_eq!(judged(0), None);
        let reproved = entry(0, Limits::default(), Some(b"v"), 0);
        reproved.reprove(at(900), at(900));
        let read = |entry: &Entry| {
            let key = KeyBounds { staleness: ms(10_000), ..key() };
            judge(&Standing::of(entry), &key, &ReadBounds::NONE, Drift(0), at(1_000), at(1_000))
        };
        assert_eq!(read(&reproved), fresh(ms(100), 10_000, false));
    }

    proptest! {
        #[test]
        fn what_is_plainly_fresh_is_judged_the_same(
            validated in prop_oneof![Just(0u64), 0u64..5_000], now in 0u64..10_000, bound in 1u64..20_000, share in 0u32..=65_536,
            limit in prop::option::of(0u64..3_000), negative: bool, unproved in 0u64..3,
            ppm in prop_oneof![Just(0u32), 0u32..100_000, Just(u32::MAX)],
        ) {
            let key = KeyBounds { staleness: ms(bound), wanted_share: share, ..key() };
            let plainly = Plainly::of(&key, Drift(ppm));
            let limits = Limits { staleness_bound: limit.map(Duration::from_millis), ..Limits::default() };
            let entry = entry(validated, limits, (!negative).then_some(b"v"), unproved);
            if let Some(seen) = plainly.judge(&entry, at(now)) {
                let (age, bound) = (seen.staleness(), seen.bound);
                let judged =
                    judge(&Standing::of(&entry), &key, &ReadBounds::NONE, Drift(ppm), at(now), at(now));
                prop_assert_eq!(judged, Verdict::Fresh { age, bound, aging: false });
            } else if ppm == 0 && !negative && limit.is_none() && unproved == 0 && validated > 0 {
                let soft = soft_bound(ms(bound), share).min(ms(bound)).as_nanos();
                prop_assert!(ms(now.saturating_sub(validated)).as_nanos() + 1 >= soft);
            }
        }
    }

    #[test]
    fn drift_rounds_up() {
        assert_eq!(Drift(500).age(Instant::ZERO, Instant::from_nanos(1)), Span::from_nanos(2));
        assert_eq!(
            Drift(500).age(Instant::ZERO, Instant::from_nanos(2_000_000)),
            Span::from_nanos(2_001_000)
        );
        assert_eq!(Drift(500).age(Instant::from_nanos(9), Instant::from_nanos(1)), Span::ZERO);
        assert_eq!(Drift(u32::MAX).age(Instant::ZERO, Instant::FAR_FUTURE), Span::MAX);
    }

    proptest! {
        #[test]
        fn fresh_means_within_every_bound_that_applies(
            validated in 0u64..5_000, now in 0u64..10_000, asked in prop::option::of(1u64..3_000),
            widen: bool, limit in prop::option::of(0u64..3_000), negative: bool, ppm in 0u32..100_000,
        ) {
            let s = Standing {
                negative,
                staleness_limit: limit.map(ms),
                ..standing(validated)
            };
            let read = ReadBounds { staleness: asked.map(ms), widen, ..ReadBounds::default() };
            if let Verdict::Fresh { age, .. } = judge(&s, &key(), &read, Drift(ppm), at(now), at(now)) {
                let true_age = ms(now.saturating_sub(validated));
                prop_assert!(age >= true_age);
                if let Some(limit) = limit {
                    prop_assert!(age <= ms(limit) || (limit == 0 && validated >= now));
                }
                if let Some(asked) = asked {
                    prop_assert!(age <= ms(asked));
                }
                if asked.is_none() || !widen {
                    prop_assert!(age <= ms(200));
                }
            }
        }
    }
}
