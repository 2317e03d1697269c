//! One edge node: a process that reads its trace through its cache.
//!
//! Reads are open-loop: each begins when the trace says, whether or not those
//! before it have ended; a read that waits does so off this thread.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use edgecmp_demo::clock;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_oracle::log;

use crate::done::{Done, Finished};
use crate::job::Job;
use crate::strategies;
use crate::trace;

/// Longer than any read may wait.
const GRACE: Duration = Duration::from_secs(5);

pub fn run(job: &Path, node: usize) -> Result<(), Failure> {
    let job = Job::read(job)?;
    wake_up_in_time();
    // One thread for what is done behind the readers: so has edgecmp.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = Arc::new(runtime.doing("the runtime")?);
    let strategy = strategies::open(&job, node, &runtime)?;
    let reads = trace::reads(&job.scenario, node);
    let bound_ns = job.scenario.bound.as_nanos() as u64;
    if clock::now_ns() > job.start_ns {
        return Err(Failure::new("the node was ready too late for the start of the run"));
    }
    let strategy: Arc<dyn strategies::Strategy> = Arc::from(strategy);
    let warm = {
        let (strategy, ends_ns) =
            (Arc::clone(&strategy), job.start_ns + job.scenario.warm_up.as_nanos() as u64);
        std::thread::spawn(move || {
            sleep_until(ends_ns);
            strategy.counts()
        })
    };
    let (sender, finished) = mpsc::channel();
    for read in &reads {
        let intended_ns = job.start_ns + read.at_ns;
        sleep_until(intended_ns);
        let sender = sender.clone();
        let start_ns = clock::now_ns();
        strategy.read(read.key, Done { sender, key: read.key, node, intended_ns, start_ns, bound_ns });
    }
    drop(sender);
    let mut records = Vec::with_capacity(reads.len());
    while let Ok(record) = finished.recv_timeout(GRACE) {
        records.push(record);
    }
    if records.len() != reads.len() {
        return Err(Failure::new(format!(
            "{} of {} reads have not ended",
            reads.len() - records.len(),
            reads.len()
        )));
    }
    write(&job, node, &records)?;
    // What is under way behind the readers is counted by the origin too.
    std::thread::sleep(Duration::from_millis(300));
    // Of the warm-up, and of the whole run.
    let warm = warm.join().map_err(|_| Failure::new("the counts of the warm-up"))?;
    let counts = serde_json::to_string(&[warm, strategy.counts()]).doing("the counts")?;
    let path = job.file(node, "counts");
    std::fs::write(&path, counts).doing(path.display())
}

/// The oracle's log, and beside it when each of its reads was to begin.
fn write(job: &Job, node: usize, records: &[Finished]) -> Result<(), Failure> {
    let create = |what| {
        let path = job.file(node, what);
        File::create(&path).map(BufWriter::new).doing(path.display())
    };
    let (mut reads, mut intended) = (create("log")?, create("intended")?);
    reads.write_all(&log::header()).doing("the log")?;
    for record in records {
        reads.write_all(&log::encode(&record.read)).doing("the log")?;
        intended.write_all(&record.intended_ns.to_le_bytes()).doing("the log")?;
    }
    reads.flush().and_then(|()| intended.flush()).doing("the log")
}

fn sleep_until(at_ns: u64) {
    let now_ns = clock::now_ns();
    if at_ns > now_ns {
        std::thread::sleep(Duration::from_nanos(at_ns - now_ns));
    }
}

/// The kernel lets a sleep last 50 us longer than asked, to save wake-ups.
fn wake_up_in_time() {
    // SAFETY: takes a number and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}
