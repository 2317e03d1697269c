//! A fleet in calm weather, in virtual time: what leases cost when nodes become more.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::{Options, ReadOptions, Started};
use edgecmp_sim::node::Fleet;
use edgecmp_sim::world::{MS, Owner, SECOND, World};
use edgecmp_sim::{Plan, Sabotage};

const KEYS: usize = 24;
const BOUND: u64 = 2;

/// What all nodes together have counted: leases lost, keys asked, reads that waited.
type Counts = [u64; 3];

/// Reads all keys at all nodes for so many bounds; the counts of each bound.
fn run(seed: u64, nodes: usize, latency: (u64, u64), bounds: usize, prefetch_keys: u64) -> Vec<Counts> {
    run_with_clocks(seed, nodes, latency, bounds, prefetch_keys, Vec::new())
}

/// The same where wall clocks are ahead by so much.
fn run_with_clocks(
    seed: u64,
    nodes: usize,
    latency: (u64, u64),
    bounds: usize,
    prefetch_keys: u64,
    ahead: Vec<u64>,
) -> Vec<Counts> {
    let mut plan = Plan::of(1, Sabotage::None);
    plan.ahead = ahead;
    plan.nodes = nodes;
    plan.keys = KEYS;
    plan.rates.clear();
    plan.drift_ppm = (0..nodes).map(|node| node as i64 * 20 - 160).collect();
    plan.latency = latency;
    plan.shared_leases = true;
    plan.prefix_bound = None;
    plan.options = Options::default();
    plan.options.staleness_bound = Duration::from_secs(BOUND);
    plan.options.prefetch_keys = prefetch_keys;
    plan.options.seed = 1;
    let plan = Arc::new(plan);
    let world = World::new(seed, false);
    let fleet = Fleet::open(&world, &plan);
    let left = Arc::new(Mutex::new(0));
    let until = world.now() + bounds as u64 * BOUND * SECOND;
    for node in 0..nodes {
        *left.lock().unwrap() += 1;
        let (fleet, world, left) = (Arc::clone(&fleet), Arc::clone(&world), Arc::clone(&left));
        world.clone().spawn(Owner::Harness, async move {
            while world.now() < until {
                let key = Fleet::key(world.draw(|rng| rng.below(KEYS as u64)) as usize);
                let life = fleet.node(node);
                if let Ok(Started::Pending(pending)) = life.cache.start_get(&key, &ReadOptions::default()) {
                    let _ = pending.await;
                }
                let wait = world.draw(|rng| rng.between(MS, 9 * MS));
                world.sleep(wait).await;
            }
            *left.lock().unwrap() -= 1;
        });
    }
    let mut sums = vec![[0; 3]];
    let start = world.now();
    while *left.lock().unwrap() > 0 && world.step() {
        if world.now() >= start + sums.len() as u64 * BOUND * SECOND {
            let mut sum = [0; 3];
            for node in 0..nodes {
                let all = fleet.node(node).cache.statistics().unwrap();
                for (sum, one) in sum.iter_mut().zip([all.leases_lost, all.origin_keys, all.misses]) {
                    *sum += one;
                }
            }
            sums.push(sum);
        }
    }
    sums.windows(2).map(|pair| std::array::from_fn(|i| pair[1][i] - pair[0][i])).collect()
}

#[test]
fn leases_cost_no_more_when_nodes_become_more() {
    for nodes in [2, 4, 8, 16] {
        // Cold caches on all nodes at once, and then they find their times.
        let counts = run(7, nodes, (2 * MS, 3 * MS), 16, 16_384);
        println!("{nodes} nodes, by bound: {counts:?}");
        let sum = |counts: &[Counts], i: usize| counts.iter().map(|counts| counts[i]).sum::<u64>();
        let conflicts = |counts| sum(counts, 0) as f64 / sum(counts, 1) as f64;
        let (cold, settled) = (conflicts(&counts), conflicts(&counts[4..]));
        println!("{nodes} nodes: {cold:.4} conflicts a key, {settled:.4} after four bounds");
        assert!(cold < 0.05 && settled < 0.02);
        assert!(sum(&counts[4..], 2) <= 2, "{nodes} nodes: {} reads waited", sum(&counts[4..], 2));
        let asked = sum(&counts[4..], 1) as f64 / (12 * nodes * KEYS) as f64;
        assert!((1.0..1.15).contains(&asked), "{nodes} nodes: {asked:.3} proofs a key and bound");
    }
}

/// Clocks that are off by a few milliseconds cost nothing; by anything, what instants that
/// are drawn would.
#[test]
fn wrong_clocks_cost_some_leases_and_nothing_else() {
    const SEEDS: u64 = 10;
    for (most, cold_limit) in [(5 * MS, 0.02), (2 * SECOND, 0.05)] {
        let runs: Vec<_> = (0..SEEDS)
            .map(|seed| {
                let random = edgecmp::env::SplitMix::new(seed);
                let ahead = (0..16).map(|_| random.draw() % most).collect();
                run_with_clocks(1 + seed, 16, (2 * MS, 3 * MS), 16, 16_384, ahead)
            })
            .collect();
        let sum = |i: usize, from: usize| {
            runs.iter().flat_map(|counts| &counts[from..]).map(|counts| counts[i]).sum::<u64>() as f64
        };
        let (cold, settled) = (sum(0, 0) / sum(1, 0), sum(0, 4) / sum(1, 4));
        let asked = sum(1, 4) / (SEEDS * 12 * 16 * KEYS as u64) as f64;
        println!(
            "up to {} ms: {cold:.4} conflicts a key, {settled:.4} settled, {asked:.3} proofs",
            most / MS
        );
        assert!(cold < cold_limit && settled < 0.02);
        assert!((1.0..1.17).contains(&asked));
    }
}

#[test]
fn keys_of_which_no_rate_is_known_cost_no_more() {
    for known in [0, KEYS as u64 / 2] {
        let counts = run(7, 1, (2 * MS, 3 * MS), 12, known);
        println!("{known} keys known, by bound: {counts:?}");
        let asked = counts[4..].iter().map(|counts| counts[1]).sum::<u64>() as f64 / (8 * KEYS) as f64;
        // At half of the bound it would be two of each key, or of each other one.
        assert!((1.0..1.2).contains(&asked), "{known} known: {asked:.3} proofs a key and bound");
    }
}

/// Where refreshes take now 2 and now 50 ms, nodes have to find times that are further
/// apart, and to keep them: how long a refresh takes may not move them.
#[test]
fn nodes_find_their_times_where_refreshes_vary() {
    // Single runs are from 0.013 to 0.040 in the second half.
    const SEEDS: u64 = 10;
    for nodes in [2, 16] {
        let mean = |of: fn(&[Counts]) -> f64, runs: &[Vec<Counts>]| {
            runs.iter().map(|counts| of(counts)).sum::<f64>() / runs.len() as f64
        };
        let runs: Vec<_> = (0..SEEDS).map(|seed| run(1 + seed, nodes, (MS, 25 * MS), 32, 16_384)).collect();
        let sum = |counts: &[Counts], i: usize| counts.iter().map(|counts| counts[i]).sum::<u64>();
        let cold = mean(conflicts, &runs);
        let settled = mean(|counts| conflicts(&counts[16..]), &runs);
        let asked = runs.iter().map(|counts| sum(&counts[4..], 1)).sum::<u64>() as f64
            / (SEEDS as usize * 28 * nodes * KEYS) as f64;
        println!(
            "{nodes} nodes: {cold:.4} conflicts a key, {settled:.4} in the second half; {asked:.3} proofs"
        );
        // It was 0.24 and 0.22 of 16 nodes while the lead followed each refresh.
        assert!(cold < 0.1 && settled < 0.03);
        assert!((1.0..1.15).contains(&asked));
        let waited: u64 = runs.iter().map(|counts| sum(&counts[4..], 2)).sum();
        assert_eq!(waited, 0, "reads waited");
    }
}

/// Conflicts a key asked.
fn conflicts(counts: &[Counts]) -> f64 {
    let sum = |i: usize| counts.iter().map(|counts| counts[i]).sum::<u64>();
    sum(0) as f64 / sum(1) as f64
}
