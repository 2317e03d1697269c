//! The faulty origin, with a log of its requests.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use edgecmp_faulty_origin::Origin;

pub const SECOND: Duration = Duration::from_secs(1);

/// When a request had come in, and for how many keys.
type Request = (Instant, usize);

pub struct Server {
    origin: Origin,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `keys` keys at version 1; each answer takes `pause`.
    pub fn start(keys: usize, pause: Duration) -> Self {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let log = Arc::clone(&requests);
        let origin = Origin::observed(keys, pause, move |keys| {
            log.lock().unwrap().push((Instant::now(), keys));
        });
        Self { origin, requests }
    }

    fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap()
    }

    /// Requests that came in from `from` to `to`.
    pub fn requests(&self, from: Instant, to: Instant) -> usize {
        self.log().iter().filter(|(at, _)| (from..to).contains(at)).count()
    }

    /// The most keys of any request that came in from `from` to `to`.
    pub fn largest(&self, from: Instant, to: Instant) -> usize {
        let log = self.log();
        let keys = log.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, keys)| *keys);
        keys.max().unwrap_or(0)
    }

    /// The first request from then on.
    pub fn first_request(&self, from: Instant) -> Option<Instant> {
        self.log().iter().map(|(at, _)| *at).find(|at| *at >= from)
    }

    /// The keys asked in all of them.
    pub fn keys_asked(&self) -> usize {
        self.log().iter().map(|(_, keys)| keys).sum()
    }

    /// The most requests of any second that begins from `from` to `to`.
    pub fn busiest_second(&self, from: Instant, to: Instant) -> usize {
        let log = self.log();
        let times: Vec<_> = log.iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at)).collect();
        let within =
            |first: usize| times[first..].iter().take_while(|at| **at - times[first] < SECOND).count();
        (0..times.len()).map(within).max().unwrap_or(0)
    }
}

impl Deref for Server {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        &self.origin
    }
}
