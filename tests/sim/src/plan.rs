//! What a seed chose before the run begins. Each run has some kinds of faults
//! and not others ("swarm testing", Groce et al., ISSTA 2012): a run with all
//! of them would never come to the states that need one of them to be absent.

use std::time::Duration;

use edgecmp::{Options, PrefixBounds, Size};

use crate::fault::Fault;
use crate::rng::Rng;
use crate::world::{MS, Nanos, SECOND, US};

/// How the origin names versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validators {
    /// Counters.
    Counters,
    /// 128-bit versions.
    Wide,
    /// Opaque tags: equal or not.
    Opaque,
    /// None at all.
    Nothing,
}

/// A part that is broken on purpose, to show that the simulation notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing is.
    #[default]
    None,
    /// The caches' clock runs slow beyond its allowance.
    SlowClock,
    /// The origin answers from a copy that lags, and does not say so.
    SilentLag,
    /// The cache holds to another bound than the one its readers were promised.
    BoundIgnored,
    /// The origin forgets which writes it has already done.
    ForgetfulOrigin,
    /// Two caches without coordination stand behind one link.
    DoubleFetch,
    /// The origin acknowledges writes that it did not commit.
    LyingOrigin,
}

/// The choices.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub sabotage: Sabotage,
    pub nodes: usize,
    pub clients_per_node: usize,
    pub keys: usize,
    /// How long clients and disturbers go on.
    pub duration: Nanos,
    pub validators: Validators,
    pub options: Options,
    /// Nodes share one lease store.
    pub shared_leases: bool,
    /// For each node.
    pub drift_ppm: Vec<i64>,
    /// How far its wall clock is ahead; none further on. No promise may rest on it.
    pub ahead: Vec<Nanos>,
    /// One way, least and most, when nothing is slow.
    pub latency: (Nanos, Nanos),
    /// Largest pause between two calls of a client.
    pub think: Nanos,
    /// Mean time between writes by others.
    pub external_every: Nanos,
    pub rates: Vec<(Fault, u64)>,
    /// Whether G2 is promised.
    pub monotonic: bool,
    /// Bound of keys below `p/`, if there is one.
    pub prefix_bound: Option<Duration>,
}

/// Faults that are chosen for a run, not for an occasion.
const CHOICES: &[Fault] = &[
    Fault::NoCompare,
    Fault::UnversionedDeletes,
    Fault::OpaqueValidators,
    Fault::NoValidators,
    Fault::ClockDrift,
];

impl Plan {
    /// The choices of a seed.
    #[must_use]
    pub fn of(seed: u64, sabotage: Sabotage) -> Self {
        let mut rng = Rng::new(seed ^ 0x9017_7a4e);
        let rates = rates(&mut rng);
        let has = |rates: &[(Fault, u64)], fault| rates.iter().any(|(f, _)| *f == fault);
        let mut plan = Self {
            seed,
            sabotage,
            nodes: rng.between(1, 3) as usize,
            clients_per_node: rng.between(3, 7) as usize,
            keys: rng.between(3, 24) as usize,
            duration: 0,
            validators: Validators::Counters,
            options: Options::default(),
            shared_leases: rng.chance(500),
            drift_ppm: Vec::new(),
            ahead: Vec::new(),
            latency: rng.pick(&[(20 * US, 200 * US), (200 * US, 2 * MS), (MS, 15 * MS)]),
            think: rng.pick(&[MS, 10 * MS, 30 * MS]),
            external_every: rng.pick(&[3 * MS, 20 * MS, 100 * MS]),
            monotonic: true,
            prefix_bound: None,
            rates,
        };
        // Clients that never rest make as many calls in less time.
        plan.duration = match plan.think {
            MS => rng.between(250, 700) * MS,
            _ => rng.between(1200, 3500) * MS,
        };
        if has(&plan.rates, Fault::OpaqueValidators) {
            plan.validators = Validators::Opaque;
        } else if has(&plan.rates, Fault::NoValidators) {
            plan.validators = Validators::Nothing;
        } else if rng.chance(200) {
            plan.validators = Validators::Wide;
        }
        let drifts = has(&plan.rates, Fault::ClockDrift);
        plan.drift_ppm =
            (0..plan.nodes).map(|_| if drifts { rng.between(0, 998) as i64 - 499 } else { 0 }).collect();
        plan.options = options(&mut rng);
        if rng.chance(400) {
            let bound = plan.options.staleness_bound * rng.pick(&[1, 4, 12]) / 4;
            let bound = bound.max(Duration::from_millis(1));
            plan.options.set("prefix_bounds", &format!("p/={}ns", bound.as_nanos())).expect("a valid bound");
            plan.prefix_bound = Some(bound);
        }
        plan.monotonic = !plan.has(Fault::Aged) || rng.chance(500);
        if rng.chance(500) {
            plan.ahead = (0..plan.nodes).map(|_| rng.below(2 * SECOND)).collect();
        }
        plan.avoid_what_nobody_promises();
        plan.sabotage();
        plan
    }

    /// Whether the run has this fault.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.rates.iter().any(|(f, _)| *f == fault)
    }

    /// Whether versions mean the same to all nodes.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        matches!(self.validators, Validators::Counters | Validators::Wide)
    }

    /// Whether the fault is a choice for the whole run.
    #[must_use]
    pub fn is_choice(fault: Fault) -> bool {
        CHOICES.contains(&fault)
    }

    fn without(&mut self, faults: &[Fault]) {
        self.rates.retain(|(fault, _)| !faults.contains(fault));
    }

    fn avoid_what_nobody_promises(&mut self) {
        // There and back within the time-out, if nothing is slow.
        let origin_timeout = self.options.origin_timeout.as_nanos() as Nanos;
        self.latency.1 = self.latency.1.min(origin_timeout / 4);
        // An origin whose messages are slow in fair weather is slow for ever.
        if self.options.breaker_slow_call.as_nanos() as Nanos <= 4 * self.latency.1 {
            self.options.breaker_slow_call = Duration::ZERO;
        }
        // A backup that gives new contents to old tags is beyond any comparison of versions.
        if !self.has_versions() {
            self.without(&[Fault::Restore, Fault::UnversionedDeletes]);
        }
        // An origin that went back and a copy that lags look the same from here.
        // The oracle excuses a while after a restore: nothing may outlast it.
        if self.has(Fault::Restore) {
            self.without(&[Fault::Aged, Fault::Suspend, Fault::Stall]);
        }
        // G2 rests on what is cached once the origin's reads are not linearizable:
        // either nothing leaves the cache, or G2 is not judged.
        if self.has(Fault::Aged) && self.monotonic {
            self.without(&[Fault::NoStore, Fault::ExternalLarge]);
            self.options.capacity = Size(256 * 1024);
            self.options.keep_expired = Duration::from_secs(3600);
            self.keys = self.keys.min(12);
        }
    }

    fn sabotage(&mut self) {
        match self.sabotage {
            Sabotage::None => {}
            Sabotage::SlowClock => self.drift_ppm.fill(-300_000),
            Sabotage::BoundIgnored => {
                self.options.staleness_bound *= 20;
                self.options.outage_bound = Duration::ZERO;
            }
            Sabotage::SilentLag => self.without(&[Fault::Restore]),
            Sabotage::ForgetfulOrigin => {
                self.without(&[Fault::Duplicated]);
                self.rates.push((Fault::Duplicated, 200));
            }
            Sabotage::DoubleFetch => {
                self.nodes = 2;
                self.drift_ppm = vec![0; 2];
            }
            Sabotage::LyingOrigin => {}
        }
    }

    /// The bound that readers of a key were promised.
    #[must_use]
    pub fn promised_bound(&self, key: &[u8]) -> Duration {
        let mine = match self.sabotage {
            Sabotage::BoundIgnored => self.options.staleness_bound / 20,
            _ => self.options.staleness_bound,
        };
        self.prefix_bound.filter(|_| key.starts_with(b"p/")).unwrap_or(mine)
    }

    /// The same of the answer "no such key".
    #[must_use]
    pub fn promised_negative_bound(&self, key: &[u8]) -> Duration {
        let bound = self.promised_bound(key);
        if self.options.negative_bound.is_zero() { bound } else { bound.min(self.options.negative_bound) }
    }
}

fn rates(rng: &mut Rng) -> Vec<(Fault, u64)> {
    let trouble = rng.pick(&[1, 1, 2, 3]);
    Fault::ALL
        .iter()
        .filter_map(|fault| {
            let chosen = if CHOICES.contains(fault) { rng.chance(fault.rate()) } else { rng.chance(450) };
            let always = *fault == Fault::ExternalWrite;
            (chosen || always).then(|| (*fault, (fault.rate() * trouble).min(1000)))
        })
        .collect()
}

fn options(rng: &mut Rng) -> Options {
    let ms = Duration::from_millis;
    let mut options = Options::default();
    let bound = rng.pick(&[5, 20, 50, 200, 200, 1000]);
    options.staleness_bound = ms(bound);
    if rng.chance(300) {
        options.refresh_after = ms(rng.between(1, bound));
    }
    if rng.chance(400) {
        options.outage_bound = ms(rng.between(bound, bound * 20));
    }
    if rng.chance(300) {
        options.negative_bound = ms(rng.between(1, bound * 2));
    }
    options.keep_expired = ms(rng.pick(&[0, 0, 100, 10_000]));
    options.read_timeout = ms(rng.pick(&[20, 100, 500, 1000]));
    options.write_timeout = ms(rng.pick(&[20, 100, 500]));
    options.origin_timeout = ms(rng.pick(&[10, 30, 100, 300]));
    // One shard: the hash that would spread keys over several is seeded by the system.
    options.capacity = Size(rng.pick(&[64, 64, 128, 256]) * 1024);
    options.max_value_bytes = Size(8 * 1024);
    options.origin_concurrency = rng.pick(&[1, 2, 32]);
    options.origin_queue = rng.pick(&[0, 2, 1024]);
    options.max_waiters = rng.pick(&[1, 3, 100_000]);
    options.compare_batch = rng.pick(&[1, 3, 256]);
    options.breaker_failures = rng.pick(&[0, 3, 5]);
    options.breaker_cooldown = ms(rng.pick(&[10, 100, 250, 1000]));
    options.breaker_window = ms(rng.pick(&[100, 1000, 10_000]));
    options.breaker_min_calls = rng.pick(&[1, 5, 20]);
    options.breaker_failure_percent = rng.pick(&[10, 50, 100]);
    options.breaker_slow_call = ms(rng.pick(&[0, 0, 5, 50]));
    options.breaker_slow_percent = rng.pick(&[50, 100]);
    options.breaker_ramp = ms(rng.pick(&[0, 100, 2000]));
    options.gather_wait = ms(rng.pick(&[0, 1, 20]));
    options.retry_limit = rng.pick(&[0, 2, 5]);
    options.backoff_base = ms(rng.pick(&[1, 10]));
    options.backoff_cap = ms(rng.pick(&[20, 1000]));
    options.lease_ttl = ms(rng.pick(&[10, 200, 2000]));
    options.lease_timeout = ms(rng.pick(&[1, 20]));
    options.refresh_queue = rng.pick(&[1, 65536]);
    let choices = [
        ("lease_slots", rng.pick(&["per_key", "1", "8", "1024"])),
        ("prefetch_threshold", rng.pick(&["adaptive", "adaptive", "off", "1/s"])),
        ("prefetch_half_life", rng.pick(&["10ms", "1s", "10s"])),
        ("prefetch_budget_percent", rng.pick(&["0", "10", "100"])),
        ("prefetch_keys", rng.pick(&["0", "2", "16384"])),
    ];
    for (name, value) in choices {
        options.set(name, value).expect("choices are valid");
    }
    options.seed = 1;
    debug_assert!(options.prefix_bounds == PrefixBounds::default());
    debug_assert!(options.staleness_bound < Duration::from_nanos(60 * SECOND));
    options
}
