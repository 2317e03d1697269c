//! What the baselines share: a lock around a map, the way to the origin, and
//! single flight.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgecmp::origin::http::{HttpConfig, HttpOrigin};
use edgecmp::origin::{Answer, Fetch, Known, Origin, Validator};
use edgecmp::{Key, Options, Version};
use edgecmp_demo::clock;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_oracle::Source;
use tokio::runtime::Handle;

use crate::done::{Done, Told};
use crate::job::{Counts, Job};

const TIMEOUT: Duration = Duration::from_secs(1);

/// A value, and when it came.
#[derive(Clone)]
pub struct Kept {
    value: Option<Arc<[u8]>>,
    version: u128,
    /// When it was put into the map: where a TTL begins to count.
    stored_ns: u64,
}

impl Kept {
    pub fn age_ns(&self) -> u64 {
        clock::now_ns().saturating_sub(self.stored_ns)
    }

    pub fn tell(&self, source: Source, done: Done) {
        let value = self.value.as_deref();
        done.tell(Ok(Told { version: self.version, value, source, staleness_ns: None }));
    }
}

/// One node.
pub struct Node {
    pub ttl_ns: u64,
    pub handle: Handle,
    origin: HttpOrigin,
    keys: Vec<Key>,
    map: Mutex<HashMap<u32, Kept>>,
    /// Keys that are being fetched, with those who wait for them.
    flights: Mutex<HashMap<u32, Vec<Done>>>,
    requests: AtomicU64,
    keys_asked: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub fn new(job: &Job, handle: &Handle) -> Result<Arc<Self>, Failure> {
        let mut options = Options::default();
        options.origin = job.items();
        let origin = HttpOrigin::new(HttpConfig::from_options(&options)).doing("the origin's client")?;
        Ok(Arc::new(Self {
            ttl_ns: job.scenario.bound.as_nanos() as u64,
            handle: handle.clone(),
            origin,
            keys: job.keys.iter().map(|key| Key::copy_from(key.as_bytes())).collect(),
            map: Mutex::default(),
            flights: Mutex::default(),
            requests: AtomicU64::new(0),
            keys_asked: AtomicU64::new(0),
        }))
    }

    /// What is kept and within its TTL.
    pub fn fresh(&self, key: u32) -> Option<Kept> {
        lock(&self.map).get(&key).filter(|kept| kept.age_ns() < self.ttl_ns).cloned()
    }

    /// Asks the origin for a key, and keeps the answer.
    pub async fn fetch(&self, key: u32) -> Result<Kept, String> {
        self.count(1);
        let fetch = Fetch {
            key: self.keys[key as usize].clone(),
            known: self.known(key),
            timeout: TIMEOUT,
            trace: None,
        };
        let asked = tokio::time::timeout(TIMEOUT, self.origin.fetch(fetch));
        let answer = asked.await.map_err(|_| "no answer within 1 s".to_owned())?;
        self.keep(key, answer.map_err(|error| error.error.to_string())?)
    }

    /// Asks for many keys in one request.
    pub async fn fetch_many(&self, keys: &[u32]) -> Vec<Result<Kept, String>> {
        self.count(keys.len() as u64);
        let rows = keys.iter().map(|key| (self.keys[*key as usize].clone(), self.known(*key))).collect();
        let asked = tokio::time::timeout(TIMEOUT, self.origin.compare(rows, TIMEOUT, None));
        match asked.await {
            Ok(Ok(Some(answers))) => keys
                .iter()
                .zip(answers)
                .map(|(key, answer)| self.keep(*key, answer.map_err(|error| error.error.to_string())?))
                .collect(),
            Ok(Err(error)) => keys.iter().map(|_| Err(error.error.to_string())).collect(),
            Ok(Ok(None)) | Err(_) => keys.iter().map(|_| Err("no answer to compare".to_owned())).collect(),
        }
    }

    fn count(&self, keys: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.keys_asked.fetch_add(keys, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            origin_requests: self.requests.load(Ordering::Relaxed),
            origin_keys: self.keys_asked.load(Ordering::Relaxed),
            ..Counts::default()
        }
    }

    fn known(&self, key: u32) -> Option<Known> {
        let map = lock(&self.map);
        let kept = map.get(&key).filter(|kept| kept.value.is_some())?;
        Some(Known { version: Version::new(kept.version), validator: None })
    }

    fn keep(&self, key: u32, answer: Answer) -> Result<Kept, String> {
        let stored_ns = clock::now_ns();
        let mut map = lock(&self.map);
        let kept = match answer {
            Answer::Unchanged { .. } => {
                let old = map.get(&key).ok_or("unchanged, but nothing is kept")?;
                Kept { stored_ns, ..old.clone() }
            }
            Answer::Value { value, validator: Validator::Version(version, _), .. } => {
                Kept { value: Some(value.as_ref().into()), version: version.get(), stored_ns }
            }
            Answer::Value { .. } => return Err("a value without a version".into()),
            Answer::Absent { version, .. } => {
                Kept { value: None, version: version.unwrap_or(Version::NONE).get(), stored_ns }
            }
        };
        map.insert(key, kept.clone());
        Ok(kept)
    }

    /// Single flight: whether this call is the first, and so has to fetch, and
    /// to end with [`Node::land`]. `done` is told with the flight, if given.
    pub fn board(&self, key: u32, done: Option<Done>) -> bool {
        let mut flights = lock(&self.flights);
        let first = !flights.contains_key(&key);
        flights.entry(key).or_default().extend(done);
        first
    }

    pub fn land(&self, key: u32, outcome: &Result<Kept, String>) {
        let waiting = lock(&self.flights).remove(&key).unwrap_or_default();
        for (place, done) in waiting.into_iter().enumerate() {
            match outcome {
                Ok(kept) => kept.tell(if place == 0 { Source::Fetched } else { Source::Joined }, done),
                Err(message) => done.tell(Err(message.clone())),
            }
        }
    }

    /// One fetch behind all who wait for the key.
    pub fn fetch_in_flight(self: &Arc<Self>, key: u32, done: Option<Done>) {
        if self.board(key, done) {
            let node = Arc::clone(self);
            self.spawn(async move {
                let outcome = node.fetch(key).await;
                node.land(key, &outcome);
            });
        }
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }
}
