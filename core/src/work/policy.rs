//! The options in the form in which work uses them.

use std::time::Duration;

use crate::coordination::gate::GatePolicy;
use crate::facts::clock::Span;
use crate::facts::option_choice::{LeaseSlots, PrefetchThreshold};
use crate::facts::option_value::PrefixBounds;
use crate::facts::options::Options;
use crate::rules::backoff::Backoff;
use crate::rules::breaker::BreakerPolicy;
use crate::rules::freshness::{Drift, KeyBounds, Plainly, soft_bound};

/// What the options of a cache say.
#[derive(Clone, Debug)]
pub struct Policy {
    bounds: KeyBounds,
    prefixes: Option<PrefixBounds>,
    /// What nearly all reads come to.
    pub plainly: Plainly,
    /// Allowance for the local clock.
    pub drift: Drift,
    /// How long an entry stays that is past every bound.
    pub keep_expired: Duration,
    /// Longest key, in bytes.
    pub max_key_bytes: usize,
    /// Largest value kept or written, in bytes.
    pub max_value_bytes: usize,
    /// Longest wait of a read.
    pub read_timeout: Duration,
    /// Longest wait of a write.
    pub write_timeout: Duration,
    /// Longest wait for one answer of the origin.
    pub origin_timeout: Duration,
    /// Reads that may wait for one key.
    pub max_waiters: u64,
    /// Keys in one compare.
    pub compare_batch: usize,
    /// Longest wait of a miss for others to go with it.
    pub gather_wait: Duration,
    /// Retries of one fetch.
    pub retry_limit: u32,
    /// How waits between attempts grow.
    pub backoff: Backoff,
    /// Age at which a refresh starts, as a share of the bound in 1/65536; `None`:
    /// as late as it can be in time.
    pub refresh_share: Option<u32>,
    /// Settings of the prefetch.
    pub prefetch: PrefetchPolicy,
    /// How keys share leases.
    pub lease_slots: LeaseSlots,
    /// How long a refresh lease holds.
    pub lease_ttl: Duration,
    /// Longest wait for the lease store.
    pub lease_timeout: Duration,
    /// Refreshes that may wait.
    pub refresh_queue: usize,
    /// Settings of the gate.
    pub gate: GatePolicy,
}

/// Settings of the prefetch.
#[derive(Clone, Copy, Debug)]
pub struct PrefetchPolicy {
    /// From which rate on a key is hot.
    pub threshold: PrefetchThreshold,
    /// Half-life of what is known of a rate.
    pub half_life: Duration,
    /// Keys asked for nobody, for 100 asked.
    pub budget_percent: u64,
    /// Keys of which something is known.
    pub keys: usize,
    /// Other keys that may wait for their refresh.
    pub passing: usize,
}

/// A whole bound, as a share of it.
const WHOLE: u32 = 1 << 16;

impl Policy {
    /// The policy of validated options.
    pub fn of(options: &Options) -> Self {
        let staleness = options.staleness_bound;
        let or = |value: Duration, default| if value.is_zero() { default } else { value };
        let share = (options.refresh_after.as_secs_f64() / staleness.as_secs_f64() * 65_536.0) as u32;
        // At a share of zero a refresh would be due as soon as the one before it is done.
        let refresh_share = (!options.refresh_after.is_zero()).then_some(share.max(1));
        let drift = Drift(u32::try_from(options.clock_drift_ppm).unwrap_or(u32::MAX));
        let bounds = KeyBounds {
            staleness: staleness.into(),
            negative: or(options.negative_bound, staleness).into(),
            wanted_share: match refresh_share {
                None => WHOLE / 2,
                Some(WHOLE) => WHOLE,
                // Nothing is refreshed that was read before it was due alone.
                Some(share) if options.prefetch_keys == 0 => share,
                Some(share) => share / 2,
            },
            outage: options.outage_bound.into(),
        };
        let prefixes =
            (options.prefix_bounds != PrefixBounds::default()).then(|| options.prefix_bounds.clone());
        Self {
            // A key's prefix would have to be looked for.
            plainly: if prefixes.is_none() { Plainly::of(&bounds, drift) } else { Plainly::NEVER },
            bounds,
            prefixes,
            drift,
            keep_expired: options.keep_expired,
            max_key_bytes: options.max_key_bytes.0,
            max_value_bytes: options.max_value_bytes.0,
            read_timeout: options.read_timeout,
            write_timeout: options.write_timeout,
            origin_timeout: options.origin_timeout,
            max_waiters: options.max_waiters,
            compare_batch: usize::try_from(options.compare_batch).unwrap_or(1),
            gather_wait: options.gather_wait,
            retry_limit: u32::try_from(options.retry_limit).unwrap_or(u32::MAX),
            backoff: Backoff { base: options.backoff_base, cap: options.backoff_cap },
            refresh_share,
            prefetch: PrefetchPolicy {
                threshold: options.prefetch_threshold,
                half_life: options.prefetch_half_life,
                budget_percent: options.prefetch_budget_percent,
                keys: usize::try_from(options.prefetch_keys).unwrap_or(usize::MAX),
                passing: usize::try_from(options.refresh_queue).unwrap_or(usize::MAX),
            },
            lease_slots: options.lease_slots,
            lease_ttl: options.lease_ttl,
            lease_timeout: options.lease_timeout,
            refresh_queue: usize::try_from(options.refresh_queue).unwrap_or(usize::MAX),
            gate: GatePolicy {
                concurrency: options.origin_concurrency,
                queue: options.origin_queue,
                breaker: BreakerPolicy {
                    failures: options.breaker_failures,
                    cooldown: options.breaker_cooldown,
                    window: options.breaker_window,
                    min_calls: options.breaker_min_calls,
                    failure_percent: options.breaker_failure_percent,
                    slow_call: options.breaker_slow_call,
                    slow_percent: options.breaker_slow_percent,
                    ramp: options.breaker_ramp,
                },
                retry_percent: options.retry_budget_percent,
            },
        }
    }

    /// Whether a key has an allowed length.
    #[inline]
    pub fn fits(&self, key: &[u8]) -> bool {
        (1..=self.max_key_bytes).contains(&key.len())
    }

    /// Whether an entry of this age is to be refreshed in time, or is no hit at all;
    /// `bound` is the hard bound of reads that ask for nothing special.
    #[inline]
    pub fn is_aging(&self, age: Span, bound: Span) -> bool {
        age > soft_bound(bound, self.bounds.wanted_share)
    }

    /// The bounds of a key, its prefix considered.
    #[inline]
    pub fn key_bounds(&self, key: &[u8]) -> KeyBounds {
        let prefix = self.prefixes.as_ref().and_then(|prefixes| prefixes.of(key));
        match prefix {
            None => self.bounds,
            Some(staleness) => {
                let staleness = Span::from(staleness);
                KeyBounds { staleness, negative: self.bounds.negative.min(staleness), ..self.bounds }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_refresh_after_of_a_long_bound_is_not_at_once() {
        let day = Duration::from_secs(86_400);
        let options = Options {
            staleness_bound: 365 * day,
            refresh_after: Duration::from_secs(300),
            ..Options::default()
        };
        assert_eq!(Policy::of(&options).refresh_share, Some(1));
        let options = Options { refresh_after: Duration::ZERO, ..options };
        assert_eq!(Policy::of(&options).refresh_share, None);
    }
}
