//! One run: a seed in, a verdict out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::{ReadOptions, Started};
use edgecmp_oracle::Report;

use crate::chaos;
use crate::client::{Client, Ledger};
use crate::node::Fleet;
use crate::plan::{Plan, Sabotage};
use crate::trace;
use crate::world::{MS, Nanos, Owner, SECOND, Tally, World};

/// More steps than any run takes: a run that needs more does not end.
const MAX_STEPS: u64 = 20_000_000;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    pub plan: Arc<Plan>,
    /// The oracle's verdict.
    pub report: Report,
    /// Broken invariants, and when they were noticed.
    pub failures: Vec<(Nanos, String)>,
    pub tally: Tally,
    pub steps: u64,
    /// One line for each event, if it was asked for.
    pub trace: String,
    /// Of the trace and every step of the schedule.
    pub digest: u64,
}

impl Outcome {
    /// Whether everything that was promised was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.report.violations() == 0 && self.report.unchecked_total() == 0
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn explanation(&self) -> String {
        let mut text = format!("{}", self.report);
        for (_, failure) in self.failures.iter().take(10) {
            text.push_str(&format!("  {failure}\n"));
        }
        text
    }

    /// When the first wrong thing was seen.
    #[must_use]
    pub fn first_trouble(&self) -> Option<Nanos> {
        let violations = self.report.violation_starts_ns.iter();
        violations.chain(self.failures.iter().map(|(at, _)| at)).min().copied()
    }

    /// The last `count` lines of the trace up to a little after `at`.
    #[must_use]
    pub fn trace_before(&self, at: Nanos, count: usize) -> Vec<&str> {
        let when =
            |line: &str| line.trim_start().split(' ').next().and_then(|word| word.parse::<Nanos>().ok());
        let lines = self.trace.lines().take_while(|line| when(line).is_none_or(|now| now <= at + MS));
        let lines: Vec<_> = lines.collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}

/// Runs a seed. `traced`: keep the trace, not only its digest.
#[must_use]
pub fn run(seed: u64, sabotage: Sabotage, traced: bool) -> Outcome {
    let plan = Arc::new(Plan::of(seed, sabotage));
    let world = World::new(seed, traced);
    trace!(world, "{plan:?}");
    let fleet = Fleet::open(&world, &plan);
    let ledger = Arc::new(Ledger::default());
    for (fault, per_mille) in &plan.rates {
        world.set_rate(*fault, *per_mille);
        if Plan::is_choice(*fault) {
            world.count(fault.name());
        }
    }
    let mut steps = collide(&fleet, &ledger);
    steps += recover(&fleet);
    steps += end(&fleet, &ledger);
    let (reads, writes) = ledger.records();
    let report = crate::judge::judge(&fleet, &reads, &writes);
    let (trace, digest) = world.trace_text();
    Outcome { plan, report, failures: world.failures(), tally: world.tally(), steps, trace, digest }
}

/// Steps until `tasks` have ended.
fn drive(world: &Arc<World>, what: &str, tasks: Vec<impl Future<Output = ()> + Send + 'static>) -> u64 {
    let left = Arc::new(Mutex::new(tasks.len()));
    for task in tasks {
        let left = Arc::clone(&left);
        world.spawn(Owner::Harness, async move {
            task.await;
            *left.lock().expect("nothing panics while it counts") -= 1;
        });
    }
    let left = || *left.lock().expect("nothing panics while it counts");
    for step in 0..MAX_STEPS {
        if left() == 0 {
            return step;
        }
        if !world.step() {
            break;
        }
    }
    world.fail(format_args!("{what}: {} calls never ended", left()));
    MAX_STEPS
}

/// The run itself: clients and disturbers, until their time is over.
fn collide(fleet: &Arc<Fleet>, ledger: &Arc<Ledger>) -> u64 {
    let until = fleet.world.now() + fleet.plan.duration;
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = vec![
        Box::pin(chaos::others_write(Arc::clone(fleet), until)),
        Box::pin(chaos::disturb(Arc::clone(fleet), until)),
    ];
    for number in 0..fleet.plan.nodes * fleet.plan.clients_per_node {
        let node = number % fleet.plan.nodes;
        let client =
            Client { fleet: Arc::clone(fleet), ledger: Arc::clone(ledger), node, number: number as u32 };
        tasks.push(Box::pin(client.run(until)));
    }
    drive(&fleet.world, "the run", tasks)
}

/// Liveness: once nothing goes wrong any more, every key can be read again at every node.
fn recover(fleet: &Arc<Fleet>) -> u64 {
    fleet.world.calm();
    *fleet.weather.lock().expect("nothing panics while it holds the weather") = crate::origin::Weather::Fair;
    let fleet = Arc::clone(fleet);
    let world = Arc::clone(&fleet.world);
    drive(
        &world.clone(),
        "the recovery",
        vec![async move {
            // Longer than any breaker, back-off, lease or late message lasts.
            world.sleep(10 * SECOND).await;
            for node in 0..fleet.nodes() {
                for key in 0..fleet.plan.keys {
                    read_in_calm(&fleet, &world, node, key).await;
                }
                // What a degraded read left behind is on its way.
                world.sleep(SECOND).await;
                let active =
                    fleet.node(node).cache.statistics().map_or(0, |statistics| statistics.flights_active);
                if active > 0 {
                    world.fail(format_args!("{active} flights are still in progress at node {node}"));
                }
            }
        }],
    )
}

/// Tries until the breaker has seen that the origin is back, and its ramp is over.
async fn read_in_calm(fleet: &Fleet, world: &Arc<World>, node: usize, key: usize) {
    let mut trouble = String::new();
    for _ in 0..100 {
        match try_in_calm(fleet, node, key).await {
            Ok(value) if !value.receipt().degraded => return,
            Ok(_) => trouble = "it is answered degraded".into(),
            Err(error) => trouble = error.to_string(),
        }
        world.sleep(100 * MS).await;
    }
    world.fail(format_args!("liveness: node {node} can't read key {key} in calm weather: {trouble}"));
}

async fn try_in_calm(fleet: &Fleet, node: usize, key: usize) -> edgecmp::Result<edgecmp::Value> {
    let mut options = ReadOptions::default();
    options.timeout = Some(Duration::from_secs(1));
    // What messages take in fair weather may be longer than a tight bound.
    options.staleness_bound = Some(Duration::from_secs(1));
    options.widen = true;
    match fleet.node(node).cache.start_get(&Fleet::key(key), &options)? {
        Started::Ready(value) => Ok(value),
        Started::Pending(pending) => pending.await,
    }
}

/// The end: every node is closed with calls in progress, and each of them must end.
fn end(fleet: &Arc<Fleet>, ledger: &Arc<Ledger>) -> u64 {
    let until = fleet.world.now() + 20 * MS;
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for number in 0..(fleet.plan.nodes * 4) as u32 {
        let node = number as usize % fleet.plan.nodes;
        let client =
            Client { fleet: Arc::clone(fleet), ledger: Arc::clone(ledger), node, number: 1000 + number };
        tasks.push(Box::pin(client.run(until)));
    }
    let closing = Arc::clone(fleet);
    tasks.push(Box::pin(async move {
        let wait: Nanos = closing.world.draw(|rng| rng.below(10 * MS));
        closing.world.sleep(wait).await;
        for node in 0..closing.nodes() {
            closing.end(node);
        }
    }));
    drive(&fleet.world, "the end", tasks)
}
