//! The sequence of a run.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::args::DemoArguments;
use crate::clock;
use crate::failure::{Doing, Failure};
use crate::flights::Flights;
use crate::ingest::{self, Ingest};
use crate::judge::{Account, judge};
use crate::origin_client::{OriginClient, counter_sum};
use crate::origin_process::OriginProcess;
use crate::places::Places;
use crate::popularity;
use crate::progress::Progress;
use crate::readers::{Assignment, Reader};
use crate::summary::{Stream, Summary};
use crate::truth;

/// Flights folded before the readers start, so that there are documents to read.
const PRELOAD_EVENTS: usize = 20_000;
const TICK: Duration = Duration::from_millis(50);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// A reader that has not ended this long after its time hangs.
const GRACE: Duration = Duration::from_secs(20);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Keys that never exist, and keys to which each reader writes results of its own.
const MISSING_KEYS: usize = 50;
const JOB_KEYS: usize = 8;

/// Runs the demo to its end. `interrupted` turns true when the person wants it to stop.
pub fn run(arguments: &DemoArguments, places: &Places, interrupted: &AtomicBool) -> Result<Summary, Failure> {
    for language in &arguments.languages {
        language.build(places)?;
    }
    let flights = Flights::prepare(&places.source("fetch_flights.py"), &places.demo)?;
    let flights = Arc::new(flights);
    let default = places.built.join("edgecmp-origin");
    let program = arguments.origin.as_ref().unwrap_or(&default);
    let mut origin = OriginProcess::new(program, &places.run)?;
    origin.start()?;
    let client = OriginClient::new(&origin.url(), CLIENT_TIMEOUT);
    let preloaded = ingest::preload(&client, &flights, PRELOAD_EVENTS)?;
    let keys = key_list(&client, arguments)?;
    popularity::write(&places.run, &keys, arguments.seed)?;
    println!("{preloaded} flights loaded, {} keys; origin at {}", keys.len(), origin.url());

    let mut act = Act::start(arguments, places, &mut origin, flights, preloaded)?;
    act.play(arguments, interrupted)?;
    let (readers, mut ingest, outage) = (act.readers, act.ingest, act.outage);
    ingest.stop()?;
    println!("judging ...");

    let history = truth::history(&client, &keys)?;
    let mut asked = outage.asked_before;
    asked.add(&Asked::of(&client.metrics()?));
    let mut languages = Vec::new();
    let mut total = Account::default();
    for (cache, reader) in readers.iter().enumerate() {
        let account = judge(&reader.log, cache as u32, &history, &outage.down_ns)?;
        total.add(&account);
        languages.push((reader.language, account));
    }
    let rate = |events: u64, ns: u64| events as f64 / (ns as f64 / 1e9).max(0.001);
    let down_ns = outage.down_ns.end - outage.down_ns.start;
    let streamed_ns = ingest.last_ns().saturating_sub(ingest.started_ns());
    Ok(Summary {
        any_speed: arguments.any_speed,
        seconds: arguments.seconds,
        bound: Duration::from_millis(arguments.bound_ms),
        stream: Stream {
            events: preloaded as u64 + ingest.events(),
            events_per_s: rate(ingest.events(), streamed_ns.saturating_sub(down_ns)),
            events_per_s_before_outage: rate(
                outage.events_before,
                outage.down_ns.start - ingest.started_ns(),
            ),
            batches_sent_again: ingest.retries(),
            versions_written: history.len() as u64,
            origin_requests: asked.requests,
            origin_keys_asked: asked.keys,
        },
        down: Duration::from_nanos(down_ns),
        asked_for: arguments.languages.clone(),
        languages,
        total,
    })
}

/// All documents that exist, some that never will, and the readers' own.
fn key_list(client: &OriginClient, arguments: &DemoArguments) -> Result<Vec<String>, Failure> {
    let mut keys = truth::present_keys(client)?;
    keys.extend((0..MISSING_KEYS).map(|number| format!("missing/{number}")));
    for language in &arguments.languages {
        keys.extend((0..JOB_KEYS).map(|number| format!("job/{}/{number}", language.name())));
    }
    Ok(keys)
}

/// What the origin has been asked for by readers.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    requests: u64,
    keys: u64,
}

impl Asked {
    fn of(metrics: &str) -> Self {
        let read = |labels: &str| {
            let get = labels.contains("method=\"GET\"") && labels.contains("\"/items/");
            get || labels.contains("\"/items/compare\"")
        };
        Self {
            requests: counter_sum(metrics, "origin_requests_total", read),
            keys: counter_sum(metrics, "origin_keys_asked_total", |_| true),
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.keys += other.keys;
    }
}

#[derive(Debug)]
struct OutageRecord {
    /// From the kill until the new process served; empty before.
    down_ns: Range<u64>,
    events_before: u64,
    asked_before: Asked,
}

/// The part in which everything runs at once.
struct Act<'a> {
    origin: &'a mut OriginProcess,
    readers: Vec<Reader>,
    ingest: Ingest,
    outage: OutageRecord,
    started_ns: u64,
}

impl<'a> Act<'a> {
    fn start(
        arguments: &DemoArguments,
        places: &Places,
        origin: &'a mut OriginProcess,
        flights: Arc<Flights>,
        preloaded: usize,
    ) -> Result<Self, Failure> {
        let assignment = Assignment {
            origin: format!("{}/items/{{key}}", origin.url()),
            bound: Duration::from_millis(arguments.bound_ms),
            seconds: arguments.seconds,
            seed: arguments.seed,
        };
        println!("{}", Progress::heading(&arguments.languages));
        let ingest = Ingest::start(&origin.url(), flights, preloaded, f64::from(arguments.pace));
        let languages = arguments.languages.iter().enumerate();
        let readers = languages
            .map(|(id, language)| Reader::start(*language, id, &assignment, places))
            .collect::<Result<_, _>>()?;
        let outage = OutageRecord { down_ns: 0..0, events_before: 0, asked_before: Asked::default() };
        Ok(Self { origin, readers, ingest, outage, started_ns: clock::now_ns() })
    }

    /// Until all readers have ended.
    fn play(&mut self, arguments: &DemoArguments, interrupted: &AtomicBool) -> Result<(), Failure> {
        let suspended_ns = clock::suspended_ns();
        let mut progress = Progress::default();
        let mut next_line = PROGRESS_EVERY;
        loop {
            thread::sleep(TICK);
            let elapsed = clock::since(self.started_ns);
            if interrupted.load(Ordering::Relaxed) {
                return Err(Failure::new("interrupted"));
            }
            self.drive_outage(arguments, elapsed)?;
            if elapsed >= next_line {
                next_line = elapsed + PROGRESS_EVERY;
                let glances: Vec<_> = self.readers.iter_mut().map(Reader::look).collect();
                let seconds = clock::since(self.ingest.started_ns()).as_secs_f64();
                let up = self.is_up();
                println!("{}", progress.line(seconds, self.ingest.events(), &glances, up));
            }
            if self.all_ended()? {
                break;
            }
            if elapsed > Duration::from_secs(arguments.seconds) + GRACE {
                return Err(self.stuck());
            }
        }
        // Node's clock stands still while the machine is suspended, and so cannot be compared then.
        if clock::suspended_ns().abs_diff(suspended_ns) > 1_000_000 {
            return Err(Failure::new("the machine was suspended during the run: run it again"));
        }
        Ok(())
    }

    fn stuck(&mut self) -> Failure {
        let stuck = self.readers.iter_mut().map(|one| (one.has_ended(), one.last_words()));
        let words = stuck.filter(|(ended, _)| matches!(ended, Ok(false))).map(|(_, words)| words);
        Failure::new(words.collect::<Vec<_>>().join("; "))
    }

    fn is_up(&self) -> bool {
        let down_ns = &self.outage.down_ns;
        down_ns.start == 0 || down_ns.end != 0
    }

    /// Kills the origin when its time has come, and starts it again.
    fn drive_outage(&mut self, arguments: &DemoArguments, elapsed: Duration) -> Result<(), Failure> {
        let kill_at = arguments.kill_after();
        if self.outage.down_ns.start == 0 && elapsed >= kill_at {
            let client = OriginClient::new(&self.origin.url(), CLIENT_TIMEOUT);
            self.outage.asked_before = Asked::of(&client.metrics()?);
            self.outage.events_before = self.ingest.events();
            self.outage.down_ns.start = clock::now_ns();
            self.origin.kill()?;
        } else if !self.is_up() && elapsed >= kill_at + arguments.outage() {
            self.origin.start()?;
            self.outage.down_ns.end = clock::now_ns();
        } else if let Some(died) = self.origin.died() {
            return Err(Failure::new(died));
        }
        Ok(())
    }

    fn all_ended(&mut self) -> Result<bool, Failure> {
        let mut all = true;
        for reader in &mut self.readers {
            all &= reader.has_ended()?;
        }
        Ok(all)
    }
}

/// Writes the report beside the data.
pub fn write_report(places: &Places, report: &serde_json::Value) -> Result<(), Failure> {
    let path = places.demo.join("report.json");
    let text = serde_json::to_string_pretty(report).doing("the report")?;
    std::fs::write(&path, text + "\n").doing(path.display())
}
