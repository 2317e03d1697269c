//! Reads in the ramp after an outage, in virtual time: each is asked of the origin, or is
//! told that it will not be, before its reader has waited in vain; also beside writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::{Code, Options, ReadOptions, Result, Started, Value, WriteOptions};
use edgecmp_sim::node::Fleet;
use edgecmp_sim::origin::Weather;
use edgecmp_sim::world::{MS, Nanos, Owner, SECOND, World};
use edgecmp_sim::{Plan, Sabotage};

const KEYS: usize = 12;
/// Timers are late by up to so much.
const TIMER: Nanos = 2 * MS;

/// A read in the ramp.
#[derive(Clone, Debug)]
struct Read {
    took: Nanos,
    /// Requests that were sent meanwhile.
    sent: u64,
    outcome: std::result::Result<(), Code>,
}

fn fleet(world: &Arc<World>) -> Arc<Fleet> {
    let mut plan = Plan::of(1, Sabotage::None);
    (plan.nodes, plan.keys) = (1, KEYS);
    plan.rates.clear();
    plan.drift_ppm = vec![0];
    plan.latency = (MS, 2 * MS);
    plan.prefix_bound = None;
    plan.options = Options::default();
    plan.options.staleness_bound = Duration::from_millis(100);
    plan.options.seed = 1;
    Fleet::open(world, &Arc::new(plan))
}

async fn ended(started: Result<Started<Value>>) -> Result<Value> {
    match started? {
        Started::Ready(value) => Ok(value),
        Started::Pending(pending) => pending.await,
    }
}

/// An outage, and then, for two seconds, reads of this time-out beside so many writes a second.
fn in_the_ramp(seed: u64, timeout: Nanos, writes: u64) -> Vec<Read> {
    let world = World::new(seed, false);
    let fleet = fleet(&world);
    let weather = |weather| *fleet.weather.lock().unwrap() = weather;
    let reads = Arc::new(Mutex::new(Vec::new()));
    let read = {
        let (fleet, world, reads) = (Arc::clone(&fleet), Arc::clone(&world), Arc::clone(&reads));
        async move {
            let mut options = ReadOptions::default();
            options.timeout = Some(Duration::from_nanos(timeout));
            loop {
                let key = Fleet::key(world.draw(|rng| rng.below(KEYS as u64)) as usize);
                let cache = &fleet.node(0).cache;
                let sent = || cache.statistics().unwrap().origin_requests;
                let (began, before) = (world.now(), sent());
                let outcome = ended(cache.start_get(&key, &options)).await;
                let (took, sent) = (world.now() - began, sent() - before);
                let outcome = outcome.map(|_| ()).map_err(|error| error.code());
                reads.lock().unwrap().push(Read { took, sent, outcome });
                world.sleep(10 * MS).await;
            }
        }
    };
    world.spawn(Owner::Harness, read);
    let pass = |nanos| {
        let until = world.now() + nanos;
        while world.now() < until && world.step() {}
    };
    pass(SECOND);
    weather(Weather::Refusing);
    pass(2 * SECOND);
    weather(Weather::Fair);
    // Until the first read is answered again.
    reads.lock().unwrap().clear();
    while !reads.lock().unwrap().iter().any(|read: &Read| read.outcome.is_ok()) {
        assert!(world.step());
    }
    reads.lock().unwrap().clear();
    if writes > 0 {
        let (fleet, world) = (Arc::clone(&fleet), Arc::clone(&world));
        world.clone().spawn(Owner::Harness, async move {
            loop {
                let key = Fleet::key(0);
                let write = fleet.node(0).cache.start_set(&key, b"written", &WriteOptions::default());
                write.unwrap().await.unwrap();
                world.sleep(SECOND / writes).await;
            }
        });
    }
    pass(2 * SECOND);
    reads.lock().unwrap().clone()
}

#[test]
fn a_read_that_can_not_be_asked_in_time_is_told_so_at_once() {
    let reads: Vec<_> = (0..100).flat_map(|seed| in_the_ramp(seed, 20 * MS, 0)).collect();
    let of = |outcome| reads.iter().filter(|read| read.outcome == outcome).cloned().collect::<Vec<_>>();
    let (answered, told) = (of(Ok(())), of(Err(Code::BreakerOpen)));
    // The answer takes some milliseconds, too.
    let late = of(Err(Code::DeadlineExceeded));
    let in_vain = late.iter().filter(|read| read.sent == 0).count();
    println!(
        "of {} reads {} were answered, {} told so, {} too late, of them {in_vain} never asked",
        reads.len(),
        answered.len(),
        told.len(),
        late.len()
    );
    assert_eq!(answered.len() + told.len() + late.len(), reads.len());
    assert!(told.len() * 10 > reads.len() && answered.len() * 2 > reads.len());
    assert!(told.iter().all(|read| read.took <= TIMER), "{told:?}");
    // What a read is told is a forecast: a refresh may take the place that it counted on.
    assert!(in_vain * 200 <= reads.len());
    let one = in_the_ramp(3, 20 * MS, 0);
    let late = one.iter().filter(|read| read.outcome == Err(Code::DeadlineExceeded));
    assert!(late.clone().all(|read| read.sent > 0), "waited in vain: {:?}", late.collect::<Vec<_>>());
}

#[test]
fn reads_are_answered_beside_many_writes() {
    let reads = in_the_ramp(3, SECOND, 200);
    let failed = reads.iter().filter(|read| read.outcome.is_err()).count();
    println!("{failed} of {} reads failed", reads.len());
    assert!(failed == 0 && reads.len() >= 10);
}
