//! The rounds: in each every strategy is run once, in an order that rotates.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_common::processor::Busy;
use edgecmp_demo::child::Guarded;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_demo::{clock, truth};

use crate::args::Args;
use crate::job::Job;
use crate::judge::judge;
use crate::processes::{Etcd, Origin, own};
use crate::results::{Figures, Results};
use crate::scenario::Scenario;
use crate::stampede;
use crate::strategies::Name;
use crate::writes::History;

/// Nodes of the row of conflicts.
pub const SCALE: [usize; 4] = [2, 4, 8, 16];
/// What each node may need to get ready.
const READY: Duration = Duration::from_millis(150);
const GRACE: Duration = Duration::from_secs(20);

pub struct Places {
    /// The checkout.
    pub root: PathBuf,
    /// What does not outlive a run.
    pub scratch: PathBuf,
    pub etcd: PathBuf,
}

impl Places {
    pub fn prepare() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().doing(root.display())?;
        let scratch = std::env::temp_dir().join(format!("bench-fleet-{}", std::process::id()));
        Ok(Self { etcd: Etcd::program(&root)?, root, scratch })
    }

    fn directory(&self) -> Result<PathBuf, Failure> {
        if self.scratch.exists() {
            std::fs::remove_dir_all(&self.scratch).doing(self.scratch.display())?;
        }
        std::fs::create_dir_all(&self.scratch).doing(self.scratch.display())?;
        Ok(self.scratch.clone())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // What is left behind is in the system's place for such things.
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

pub fn run(args: &Args) -> Result<Results, Failure> {
    let places = Places::prepare()?;
    let scenario = Scenario::main(args.measured());
    let history = History::prepare(&places.root, &places.root.join("target/demo"), scenario.keys);
    let history = Arc::new(history);
    let mut results = Results::new(history.said);
    let wanted: Vec<Name> = Name::ALL.into_iter().filter(|name| args.wants(*name)).collect();
    for round in 0..args.rounds() {
        for place in 0..wanted.len() {
            let name = wanted[(place + round) % wanted.len()];
            eprintln!("round {} of {}: {name}", round + 1, args.rounds());
            let scenario = Scenario { seed: scenario.seed + round as u64, ..scenario.clone() };
            results.add(name, once(&places, name, scenario, &history)?);
        }
    }
    if args.scale {
        for nodes in SCALE {
            for name in [Name::Edgecmp, Name::CentralLock].into_iter().filter(|name| args.wants(*name)) {
                eprintln!("{nodes} nodes: {name}");
                let scenario = Scenario::scale(nodes, args.scale_measured());
                results.add_scale(name, nodes, once(&places, name, scenario, &history)?);
            }
        }
    }
    if args.stampede {
        eprintln!("stampede");
        results.stampede = Some(stampede::run(&places.directory()?)?);
    }
    Ok(results)
}

/// One run of one strategy, over an origin and an etcd of its own.
fn once(places: &Places, name: Name, scenario: Scenario, history: &Arc<History>) -> Result<Figures, Failure> {
    let directory = places.directory()?;
    let etcd = Etcd::start(&places.etcd, &directory)?;
    let origin = Origin::start(&directory, scenario.origin_delay)?;
    history.preload(&origin.client)?;
    let keys = history.keys[..scenario.keys].to_vec();
    let start = Duration::from_millis(500) + READY * scenario.nodes as u32;
    let job = Job {
        strategy: name,
        origin: origin.client.url().to_owned(),
        etcd: etcd.address.clone(),
        directory: directory.clone(),
        start_ns: clock::now_ns() + start.as_nanos() as u64,
        keys: keys.clone(),
        scenario,
    };
    let path = job.write()?;
    let nodes = (0..job.scenario.nodes).map(|node| {
        let command = own(&["edge", "--job", &path.to_string_lossy(), "--node", &node.to_string()])?;
        let stderr = directory.join(format!("node-{node}.stderr"));
        Guarded::spawn(&format!("node {node}"), command, &stderr).doing("starting a node")
    });
    let mut nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let replay = history.replay(&origin.client, job.start_ns);
    std::thread::sleep(Duration::from_nanos(job.start_ns.saturating_sub(clock::now_ns())));
    let busy = Busy::begin();
    std::thread::sleep(job.scenario.length());
    let busy = busy.share();
    for node in &mut nodes {
        end(node)?;
    }
    replay.stop()?;
    let asked = origin.asked()?;
    judge(&job, &truth::history(&origin.client, &keys)?, asked, busy)
}

fn end(node: &mut Guarded) -> Result<(), Failure> {
    let deadline = Instant::now() + GRACE;
    loop {
        match node.ended().doing(node.name())? {
            Some(status) if status.success() => return Ok(()),
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            ended => {
                let how = ended.map_or_else(|| "does not end".to_owned(), |status| status.to_string());
                return Err(Failure::new(format!("{}: {how}: {}", node.name(), node.last_words())));
            }
        }
    }
}
