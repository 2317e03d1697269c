//! `kill -9` while many write: nothing acknowledged is lost, nothing is done twice.
//!
//! A killed process loses what it had not handed to the system; this does not test what a power cut
//! loses (that is SQLite's `synchronous=FULL`).

mod common;

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use common::{Database, FLIGHTS_HEADER, flight, json, post_events};
use edgecmp_origin::client::Client;

const WRITERS: u64 = 4;
/// When each round ends, in milliseconds after its start.
const KILL_AFTER: [u64; 6] = [12, 45, 83, 131, 170, 250];

/// A write that was sent, and its version once acknowledged.
#[derive(Debug)]
struct Sent {
    /// Idempotency key; also the value, so that every write of an item is told apart.
    id: String,
    /// `None`: a batch of events.
    key: Option<String>,
    version: Option<u64>,
}

impl Sent {
    fn new(round: usize, writer: u64, number: u64) -> Self {
        let key = (writer > 0).then(|| format!("key/{writer}/{}", number % 3));
        Self { id: format!("{round}/{writer}/{number}"), key, version: None }
    }

    /// Sends it, for the first time or again; keeps the version if an answer comes.
    fn send(&mut self, client: &Client) {
        let answer = match &self.key {
            None => post_events(client, &self.id, &batch()),
            Some(key) => client.put(key.as_bytes(), self.id.as_bytes(), &[("idempotency-key", &self.id)]),
        };
        let Ok(reply) = answer else { return };
        assert_eq!(reply.status, 200, "{}", common::text(&reply));
        let version = u64::try_from(reply.version().unwrap()).unwrap();
        assert!(self.version.is_none_or(|known| known == version), "a retry took another version");
        self.version = Some(version);
    }
}

/// Two flights of two carriers.
fn batch() -> String {
    format!("{FLIGHTS_HEADER}\n{}{}", flight("UA", 3), flight("AA", 20))
}

/// Writes from several threads until the origin dies under them.
fn write_until_killed(database: &Database, round: usize, kill_after: u64) -> Vec<Sent> {
    let origin = database.start();
    let all = Mutex::new(Vec::new());
    let clients: Vec<_> = (0..WRITERS).map(|_| origin.client.separate()).collect();
    std::thread::scope(|scope| {
        for (writer, client) in (0..).zip(clients) {
            let all = &all;
            scope.spawn(move || {
                for number in 0.. {
                    let mut sent = Sent::new(round, writer, number);
                    sent.send(&client);
                    let killed = sent.version.is_none();
                    all.lock().unwrap().push(sent);
                    if killed {
                        break;
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(kill_after));
        origin.kill();
    });
    all.into_inner().unwrap()
}

#[test]
fn a_killed_origin_loses_nothing_and_repeats_nothing() {
    let database = Database::new();
    let mut all: Vec<Sent> = Vec::new();
    let mut earlier: Vec<(u64, Vec<u8>, u32)> = Vec::new();
    let mut unacknowledged = 0;
    for (round, kill_after) in KILL_AFTER.into_iter().enumerate() {
        let mut sent = write_until_killed(&database, round, kill_after);
        unacknowledged += sent.iter().filter(|sent| sent.version.is_none()).count();

        let origin = database.start();
        let history = origin.history();
        let told: Vec<_> =
            history.iter().map(|record| (record.version, record.key.clone(), record.crc)).collect();
        assert_eq!(told[..earlier.len()], earlier, "what was history stays history");
        for sent in &sent {
            check_acknowledged(sent, &told);
        }
        // What was not acknowledged may or may not have been done; the retry does it once.
        for sent in &mut sent {
            if sent.version.is_none() {
                sent.send(&origin.client);
            }
            sent.send(&origin.client);
        }
        all.extend(sent);
        let history = origin.history();
        earlier = history.iter().map(|record| (record.version, record.key.clone(), record.crc)).collect();
        check_exactly_once(&all, &earlier);
        for record in &history {
            assert!(record.began_ns <= record.visible_ns, "{record:?}");
        }
        let batches = all.iter().filter(|sent| sent.key.is_none()).count();
        let carrier = json(&origin.client.get(b"carrier/UA", &[]).unwrap());
        assert_eq!(carrier["flights"], batches);
        assert_eq!(carrier["dep_delay"]["sum"], batches * 3);
        let route = json(&origin.client.get(b"route/JFK-LAX", &[]).unwrap());
        assert_eq!(route["flights"], batches * 2);
        origin.kill();
    }
    assert!(unacknowledged > 0 && all.len() > 50, "too little happened: {}", all.len());
}

/// The history has the acknowledged version, with the key and value it was acknowledged for.
fn check_acknowledged(sent: &Sent, history: &[(u64, Vec<u8>, u32)]) {
    let Some(version) = sent.version else { return };
    let index = usize::try_from(version).unwrap() - 1;
    let (_, key, crc) = history.get(index).unwrap_or_else(|| panic!("lost: {sent:?}"));
    if let Some(sent_key) = &sent.key {
        assert_eq!((key, *crc), (&sent_key.clone().into_bytes(), crc32fast::hash(sent.id.as_bytes())));
    }
}

fn check_exactly_once(all: &[Sent], history: &[(u64, Vec<u8>, u32)]) {
    for (index, (version, ..)) in history.iter().enumerate() {
        assert_eq!(*version, index as u64 + 1, "versions are dense and never reused");
    }
    let versions: HashSet<_> = all.iter().map(|sent| sent.version.unwrap()).collect();
    assert_eq!(versions.len(), all.len(), "two writes got one version");
    let rows = |key: &[u8]| history.iter().filter(|(_, row_key, _)| row_key == key).count();
    let puts = all.iter().filter(|sent| sent.key.is_some()).count();
    let batches = all.len() - puts;
    assert_eq!(rows(b"carrier/UA"), batches, "one version of a document a batch");
    assert_eq!(history.len(), puts + batches * 7, "one version a write, seven documents a batch");
}
