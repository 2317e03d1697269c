//! From the logs of a run to its figures.

use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_oracle::{History, Outcome, Report, Rule, Source, check, log};

use crate::job::{Counts, Job};
use crate::processes::Asked;
use crate::results::{Figures, Times};

/// Judges what all nodes were told. `busy`: the machine's processors, 0 to 1.
pub fn judge(job: &Job, history: &History, asked: Asked, busy: f64) -> Result<Figures, Failure> {
    let scenario = &job.scenario;
    let warm_ns = job.start_ns + scenario.warm_up.as_nanos() as u64;
    let hot_keys = scenario.hot_keys() as u32;
    let (mut report, mut counts) = (Report::default(), Counts::default());
    let mut settled = Counts::default();
    let (mut reads, mut waiting, mut hot, mut waiting_hot) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut service_ns, mut response_ns, mut late_ns) = (Vec::new(), Vec::new(), Vec::new());
    for node in 0..scenario.nodes {
        let path = job.file(node, "log");
        let log = std::fs::read(&path).doing(path.display())?;
        let log = log::parse(&log, node as u32).doing(path.display())?;
        report.merge(&check(history, &log.reads));
        let path = job.file(node, "intended");
        let intended = std::fs::read(&path).doing(path.display())?;
        for (read, intended) in log.reads.iter().zip(intended.chunks_exact(8)) {
            let intended_ns = u64::from_le_bytes(intended.try_into().doing("the log")?);
            if intended_ns < warm_ns {
                continue;
            }
            let waited = u64::from(read.source != Source::Hit || read.outcome == Outcome::Error);
            reads += 1;
            waiting += waited;
            if read.key < hot_keys {
                hot += 1;
                waiting_hot += waited;
            }
            service_ns.push(read.end_ns - read.start_ns);
            response_ns.push(read.end_ns - intended_ns);
            late_ns.push(read.start_ns - intended_ns);
        }
        let path = job.file(node, "counts");
        let text = std::fs::read_to_string(&path).doing(path.display())?;
        let [warm, whole]: [Counts; 2] = serde_json::from_str(&text).doing(path.display())?;
        counts.add(&whole);
        settled.add(&whole.since(&warm));
    }
    if report.unchecked_total() > 0 {
        return Err(Failure::new(format!("reads that could not be judged: {:?}", report.unchecked)));
    }
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let service = Times::of(service_ns);
    Ok(Figures {
        reads,
        errors: report.errors,
        waiting_share: share(waiting, reads),
        waiting_share_hot: share(waiting_hot, hot),
        origin_requests: asked.requests,
        origin_keys: asked.keys,
        miscounted: miscounted(asked, &counts, scenario.nodes),
        lower_bound_keys: crate::lower_bound::keys(scenario),
        lease_attempts: counts.lease_attempts,
        lease_conflicts: counts.lease_conflicts,
        lease_failures: counts.lease_failures,
        settled_conflicts_per_key: settled.conflicts_per_key(),
        service,
        response: Times::of(response_ns),
        late_p99_us: Times::of(late_ns).p99,
        worst_staleness_ms: report.staleness.proven.max() as f64 / 1e6,
        violations: report.count(Rule::TooStale),
        broken_promises: report.violations(),
        busy,
    })
}

/// Whether origin and nodes count differently, by more than what can be on its
/// way when the nodes end.
fn miscounted(asked: Asked, counts: &Counts, nodes: usize) -> bool {
    let slack = 4 * nodes as u64;
    asked.requests.abs_diff(counts.origin_requests) > slack
        || asked.keys.abs_diff(counts.origin_keys) > 10 * slack
}
