//! The judge can say no: real logs of caches that are broken on purpose, read from the real origin
//! while it is written to, are found guilty; the same cache without the flaw is not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use edgecmp_demo::args::ReaderArguments;
use edgecmp_demo::clock;
use edgecmp_demo::judge::{Account, judge};
use edgecmp_demo::origin_client::{Item, OriginClient};
use edgecmp_demo::popularity;
use edgecmp_demo::truth;
use edgecmp_demo::walk::{ReadThrough, walk};
use edgecmp_oracle::{Outcome, Read, Rule, Source};
use edgecmp_origin::{Location, Options, Server};

const BOUND: Duration = Duration::from_millis(60);
/// How long answers travel: the time in which a proof can be overrated.
const ANSWER_TRAVELS: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    ValidatedAtAnswer,
    BoundIgnored,
}

/// A plain TTL cache, as people write it.
struct TtlCache {
    origin: OriginClient,
    flaw: Flaw,
    entries: HashMap<String, (Item, u64)>,
}

impl ReadThrough for TtlCache {
    fn read(&mut self, key: &str, bound: Duration) -> Read {
        let ttl = if self.flaw == Flaw::BoundIgnored { bound * 5 } else { bound };
        let fresh = self.entries.get(key).filter(|(_, validated_ns)| clock::since(*validated_ns) <= ttl);
        let (item, validated_ns, source) = match fresh.cloned() {
            Some((item, validated_ns)) => (item, validated_ns, Source::Hit),
            None => {
                let sent_ns = clock::now_ns();
                let item = self.origin.get_item(key).expect("the origin serves");
                thread::sleep(ANSWER_TRAVELS);
                let arrived_ns = clock::now_ns();
                let late = self.flaw == Flaw::ValidatedAtAnswer;
                let validated_ns = if late { arrived_ns } else { sent_ns };
                self.entries.insert(key.into(), (item.clone(), validated_ns));
                (item, validated_ns, Source::Fetched)
            }
        };
        // A receipt that is within the bound whatever the truth is.
        let staleness_ns = clock::since(validated_ns).min(bound).as_nanos() as u64;
        Read {
            outcome: if item.value.is_some() { Outcome::Ok } else { Outcome::NotFound },
            version: item.version.into(),
            crc: item.value.as_deref().map_or(0, crc32fast::hash),
            staleness_ns,
            source,
            ..Read::default()
        }
    }
}

/// The reference origin, in memory, in this process.
fn start_origin() -> String {
    let (send, receive) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = Options {
                listen: ([127, 0, 0, 1], 0).into(),
                database: Location::Memory,
                read_delay: Duration::ZERO,
                faults: false,
            };
            let server = Server::bind(&options).await.unwrap();
            send.send(format!("http://{}", server.address())).unwrap();
            server.run(std::future::pending()).await;
        });
    });
    receive.recv().unwrap()
}

fn keep_writing(url: &str, keys: &[String], stop: &Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let (client, keys, stop) = (client(url), keys.to_vec(), Arc::clone(stop));
    thread::spawn(move || {
        for (count, key) in keys.iter().cycle().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            client.put_item(key, format!("{{\"count\":{count}}}").as_bytes()).unwrap();
        }
    })
}

fn client(url: &str) -> OriginClient {
    OriginClient::new(url, Duration::from_secs(5))
}

fn run(flaw: Flaw) -> Account {
    let url = start_origin();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let keys: Vec<_> = (0..4).map(|number| format!("route/{number}")).collect();
    popularity::write(directory.path(), &keys, 7).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    for key in &keys {
        // There from the start: else a slow machine shows stale absences first.
        client(&url).put_item(key, b"{}").unwrap();
    }
    let writer = keep_writing(&url, &keys, &stop);

    let arguments = ReaderArguments {
        origin: url.clone(),
        keys: path("keys.txt"),
        mix: path("mix.bin"),
        log: path("reader.log"),
        bound_ms: BOUND.as_millis() as u64,
        seconds: 3,
        rate: 5_000,
        seed: 7,
        id: 0,
        clock_offset_ns: 0,
    };
    walk(&arguments, &mut TtlCache { origin: client(&url), flaw, entries: HashMap::new() }).unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let history = truth::history(&client(&url), &keys).unwrap();
    let account = judge(&arguments.log, 0, &history, &(0..0)).unwrap();
    assert!(account.report.reads_checked > 300, "{}", account.report);
    assert!(history.len() > 100, "only {} versions were written", history.len());
    assert_eq!(account.report.unchecked_total(), 0, "{}", account.report);
    account
}

#[test]
fn the_honest_twin_is_acquitted() {
    let report = run(Flaw::None).report;
    assert_eq!(report.violations(), 0, "{report}");
}

#[test]
fn validated_at_taken_at_the_answer_is_reported() {
    let report = run(Flaw::ValidatedAtAnswer).report;
    assert!(report.count(Rule::ReceiptUnderstated) > 10, "{report}");
    assert!(report.to_string().contains("more than the receipt"), "{report}");
}

#[test]
fn an_ignored_bound_is_reported() {
    let report = run(Flaw::BoundIgnored).report;
    assert!(report.count(Rule::TooStale) > 10, "{report}");
    assert!(report.to_string().contains("over the bound"), "{report}");
}
