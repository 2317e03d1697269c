//! What comes after an outage of the origin, in virtual time: no herd, and keys that
//! are read are current again soon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::{Options, ReadOptions, Started};
use edgecmp_sim::node::Fleet;
use edgecmp_sim::origin::Weather;
use edgecmp_sim::world::{MS, Nanos, Owner, SECOND, World};
use edgecmp_sim::{Plan, Sabotage};

const ORIGIN_TIMEOUT: Nanos = 400 * MS;

/// Who reads what.
#[derive(Clone, Copy)]
struct Load {
    nodes: usize,
    keys: usize,
    bound: Nanos,
    /// Some keys are read often and some now and then; else one after another.
    skewed: bool,
}

struct Run {
    world: Arc<World>,
    fleet: Arc<Fleet>,
    load: Load,
    /// When degraded answers came, and how old they were; of keys that are read often.
    degraded: Arc<Mutex<Vec<(Nanos, Nanos)>>>,
    reads: Arc<Mutex<Reads>>,
    /// When requests were sent, to a millisecond.
    requests: Vec<Nanos>,
}

/// Since when each node has got degraded answers of a key, and how long that lasted at
/// the most.
#[derive(Default)]
struct Reads {
    since: BTreeMap<(usize, usize), Nanos>,
    longest: Nanos,
}

impl Reads {
    fn note(&mut self, read: (usize, usize), now: Nanos, degraded: Option<Nanos>) {
        let Some(age) = degraded else { return };
        let since = self.since.entry(read).or_insert(now);
        if *since < now - age {
            // It was refreshed meanwhile.
            *since = now;
        }
        self.longest = self.longest.max(now - *since);
    }
}

impl Run {
    fn new(seed: u64, load: Load) -> Self {
        let mut plan = Plan::of(seed, Sabotage::None);
        plan.nodes = load.nodes;
        plan.keys = load.keys;
        plan.rates.clear();
        plan.drift_ppm = vec![0; load.nodes];
        plan.latency = (MS, 2 * MS);
        plan.shared_leases = true;
        plan.prefix_bound = None;
        plan.options = Options::default();
        plan.options.staleness_bound = Duration::from_nanos(load.bound);
        plan.options.outage_bound = Duration::from_secs(600);
        plan.options.keep_expired = Duration::from_secs(600);
        plan.options.origin_timeout = Duration::from_nanos(ORIGIN_TIMEOUT);
        plan.options.seed = 1;
        let world = World::new(seed, false);
        let fleet = Fleet::open(&world, &Arc::new(plan));
        let run = Self {
            world,
            fleet,
            load,
            degraded: Arc::default(),
            reads: Arc::default(),
            requests: Vec::new(),
        };
        for node in 0..load.nodes {
            run.read(node, 0);
            run.read(node, load.keys / 2);
        }
        run
    }

    fn read(&self, node: usize, first: usize) {
        let (fleet, world, load) = (Arc::clone(&self.fleet), Arc::clone(&self.world), self.load);
        let (degraded, reads) = (Arc::clone(&self.degraded), Arc::clone(&self.reads));
        world.clone().spawn(Owner::Harness, async move {
            let keys = load.keys;
            for read in first.. {
                // An outage is answered from what was read before it.
                let index = match load.skewed && read >= first + keys {
                    true => world.draw(|rng| rng.below(keys as u64).min(rng.below(keys as u64))) as usize,
                    false => read % keys,
                };
                let cache = &fleet.node(node).cache;
                let answer = match cache.start_get(&Fleet::key(index), &ReadOptions::default()) {
                    Ok(Started::Pending(pending)) => pending.await,
                    Ok(Started::Ready(value)) => Ok(value),
                    Err(error) => Err(error),
                };
                let receipt = answer.expect("degraded instead").receipt();
                let age = receipt.staleness.as_nanos() as Nanos;
                if receipt.degraded && index <= load.keys / 2 {
                    degraded.lock().unwrap().push((world.now(), age));
                }
                let age = receipt.degraded.then_some(age);
                reads.lock().unwrap().note((node, index), world.now(), age);
                world.sleep(2 * MS).await;
            }
        });
    }

    fn sent(&self) -> u64 {
        let nodes = 0..self.load.nodes;
        nodes.map(|node| self.fleet.node(node).cache.statistics().unwrap().origin_requests).sum()
    }

    /// Lets time pass in this weather. When it began.
    fn pass(&mut self, weather: Weather, nanos: Nanos) -> Nanos {
        *self.fleet.weather.lock().unwrap() = weather;
        let began = self.world.now();
        let mut next = began;
        loop {
            let now = self.world.now();
            if now >= next {
                let new = self.sent() as usize - self.requests.len();
                self.requests.extend(std::iter::repeat_n(now, new));
                next = now + MS;
            }
            if now >= began + nanos {
                return began;
            }
            assert!(self.world.step(), "readers go on");
        }
    }

    /// The most requests of any second that begins from `from` to `to`.
    fn busiest_second(&self, from: Nanos, to: Nanos) -> usize {
        let first = self.requests.partition_point(|at| *at < from);
        let last = self.requests.partition_point(|at| *at < to);
        let within = |i: usize| self.requests.partition_point(|at| *at < self.requests[i] + SECOND) - i;
        (first..last).map(within).max().unwrap_or(0)
    }

    fn degraded(&self, from: Nanos, to: Nanos) -> Vec<(Nanos, Nanos)> {
        let all = self.degraded.lock().unwrap();
        all.iter().filter(|(at, _)| (from..to).contains(at)).copied().collect()
    }
}

/// After a long outage and the ramp all keys are refreshed in batches at once.
#[test]
fn no_second_after_an_outage_has_more_than_twice_the_steady_rate() {
    for (nodes, seeds) in [(1, 0..4), (3, 0..2)] {
        for (seed, weather) in seeds.flat_map(|s| [(s, Weather::Refusing), (s, Weather::BlackHole)]) {
            let mut run = Run::new(seed, Load { nodes, keys: 40, bound: 200 * MS, skewed: false });
            run.pass(Weather::Fair, 3 * SECOND);
            let steady = run.busiest_second(run.world.now() - 2 * SECOND, run.world.now() - SECOND);
            run.pass(weather, 4 * SECOND);
            let back = run.pass(Weather::Fair, 11 * SECOND);
            let peaks: Vec<_> =
                (0..10).map(|s| run.busiest_second(back + s * SECOND, back + (s + 1) * SECOND)).collect();
            println!("{nodes} nodes, seed {seed}, {weather:?}: {steady} a second, then {peaks:?}");
            assert!(peaks.iter().all(|peak| *peak <= 2 * steady));
            assert!(peaks[3..].iter().all(|peak| *peak > 0), "and they are refreshed");
        }
    }
}

/// A probe that was lost, the breaker's cool-down with the most jitter after the origin had
/// come back and gone at once, and what the ramp takes to bring all keys back.
const SETTLED: Nanos = ORIGIN_TIMEOUT + 1750 * MS + 1500 * MS;
/// The first slots of a ramp are so far apart: a refresh may come so late until it is over.
const SLOT: Nanos = 200 * MS;

/// Outage after outage with little time in between, as `make soak-fleet` has them.
#[test]
fn keys_that_are_read_are_current_soon_after_each_of_many_outages() {
    for seed in 0..4 {
        let mut run = Run::new(seed, Load { nodes: 2, keys: 120, bound: 500 * MS, skewed: true });
        run.pass(Weather::Fair, 2 * SECOND);
        let mut settled = 0;
        for _ in 0..10 {
            let weather = run.world.draw(|rng| rng.pick(&[Weather::Refusing, Weather::BlackHole]));
            let length = run.world.draw(|rng| rng.between(50 * MS, 6 * SECOND));
            // It goes up and down, or not.
            let turns = run.world.draw(|rng| rng.pick(&[1, 1, 6]));
            for _ in 1..turns {
                run.pass(weather, length / turns);
                run.pass(Weather::Fair, 300 * MS);
            }
            run.pass(weather, length / turns);
            let calm = run.world.draw(|rng| rng.between(500 * MS, 6 * SECOND));
            let back = run.pass(Weather::Fair, calm);
            let degraded = run.degraded(back, back + calm);
            println!(
                "seed {seed}: {weather:?} for {} ms x {turns}, then {} ms: degraded for {} ms",
                length / turns / MS,
                calm / MS,
                degraded.last().map_or(0, |(at, _)| at - back) / MS,
            );
            settled += u32::from(calm > SETTLED);
            let late = degraded.iter().find(|(at, age)| *at > back + SETTLED && *age > run.load.bound + SLOT);
            assert_eq!(late, None, "it was not refreshed since {back}");
        }
        assert!(settled >= 3, "{settled} times it was calm for long enough");
    }
}

/// Keys that are read once in some seconds find the origin away time after time, if each
/// read is on its own.
#[test]
fn keys_that_are_read_now_and_then_do_not_grow_old_from_outage_to_outage() {
    for seed in 0..6 {
        let mut run = Run::new(seed, Load { nodes: 2, keys: 120, bound: 500 * MS, skewed: true });
        run.pass(Weather::Fair, 2 * SECOND);
        for _ in 0..40 {
            let length = run.world.draw(|rng| rng.between(SECOND, 5 * SECOND));
            run.pass(Weather::Refusing, length);
            // The breaker sees it, and the ramp has begun.
            run.pass(Weather::Fair, 2 * SECOND);
        }
        let longest = run.reads.lock().unwrap().longest;
        println!("seed {seed}: the longest time until a key was refreshed was {} ms", longest / MS);
        // A calm that was too short for it, after an outage and before another.
        assert!(longest < 8 * SECOND);
    }
}
