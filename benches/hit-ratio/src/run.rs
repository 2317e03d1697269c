//! Every policy on every workload and size.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policies::{self, Measured};
use crate::workload::Workload;

/// What a policy reached.
pub struct Row {
    pub workload: usize,
    pub entries: usize,
    pub policy: &'static str,
    pub measured: Measured,
}

/// All rows: by workload, size, policy.
pub fn all(workloads: &[Workload]) -> Vec<Row> {
    let jobs: Vec<_> = (0..workloads.len())
        .flat_map(|w| workloads[w].sizes().into_iter().map(move |entries| (w, entries)))
        .flat_map(|(w, entries)| (0..policies::ALL.len()).map(move |p| (w, entries, p)))
        .collect();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(workload, entries, p)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (policy, run) = policies::ALL[p];
                    let Workload { ids, requests, .. } = &workloads[workload];
                    let measured = run(entries, *ids, requests);
                    let row = Row { workload, entries, policy, measured };
                    rows.lock().expect("no job panics").push((workload, entries, p, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no job panics");
    rows.sort_by_key(|&(workload, entries, policy, _)| (workload, entries, policy));
    rows.into_iter().map(|(_, _, _, row)| row).collect()
}
