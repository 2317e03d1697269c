//! A node's link to the origin: core's port over the simulated network, which
//! at the same time watches that no key is fetched twice at once (G4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::env::BoxFuture;
use edgecmp::facts::key::Key;
use edgecmp::origin::{Answer, Fetch, Known, Origin, OriginError, OriginResult, Write, Written};
use edgecmp::{Code, TraceContext};

use super::answer::{answer, validator};
use super::network::{Network, Serve, Weather};
use super::server::{Applied, Server};
use crate::fault::Fault;
use crate::plan::Plan;
use crate::trace;
use crate::world::{MS, World};

/// The origin as one cache sees it.
#[derive(Clone, Debug)]
pub struct Link {
    name: String,
    network: Network,
    server: Arc<Mutex<Server>>,
    fetching: Arc<Mutex<BTreeMap<Vec<u8>, u32>>>,
}

/// Fetches in progress; over when dropped.
struct Fetching(Link, Vec<Key>);

impl Drop for Fetching {
    fn drop(&mut self) {
        let mut fetching = self.0.fetching.lock().expect("nothing panics while it counts");
        for key in &self.1 {
            if let Some(count) = fetching.get_mut(key.as_bytes()) {
                *count -= 1;
            }
        }
    }
}

impl Link {
    #[must_use]
    pub fn new(
        name: String,
        world: &Arc<World>,
        plan: &Arc<Plan>,
        weather: &Arc<Mutex<Weather>>,
        server: &Arc<Mutex<Server>>,
    ) -> Self {
        let network =
            Network { world: Arc::clone(world), plan: Arc::clone(plan), weather: Arc::clone(weather) };
        Self { name, network, server: Arc::clone(server), fetching: Arc::default() }
    }

    fn world(&self) -> &Arc<World> {
        &self.network.world
    }

    fn begin(&self, keys: Vec<Key>) -> Fetching {
        let mut fetching = self.fetching.lock().expect("nothing panics while it counts");
        for key in &keys {
            let count = fetching.entry(key.as_bytes().to_vec()).or_default();
            *count += 1;
            if *count > 1 {
                self.world().fail(format_args!("G4: {} fetches {key} {count} times at once", self.name));
            }
        }
        drop(fetching);
        Fetching(self.clone(), keys)
    }

    /// What the origin says before it looks at a request.
    fn admit(&self) -> OriginResult<()> {
        let world = self.world();
        let brown = self.network.weather() == Weather::BrownOut && world.draw(|rng| rng.chance(300));
        if brown || world.strikes(Fault::Unavailable) {
            return Err(OriginError::refused(Code::OriginUnavailable, "503"));
        }
        if world.strikes(Fault::Throttled) {
            let retry_after = Some(Duration::from_nanos(world.draw(|rng| rng.between(MS, 300 * MS))));
            return Err(OriginError { retry_after, ..OriginError::refused(Code::OriginUnavailable, "429") });
        }
        if world.strikes(Fault::Rejected) {
            return Err(OriginError::refused(Code::OriginRejected, "403"));
        }
        Ok(())
    }

    fn garbage(&self) -> OriginResult<()> {
        if self.world().strikes(Fault::Garbage) { Err(OriginError::garbage("not an answer")) } else { Ok(()) }
    }

    fn read(&self, key: &Key, known: Option<&Known>) -> Answer {
        let server = self.server.lock().expect("nothing panics while it holds the server");
        answer(self.world(), &self.network.plan, &server, key.as_bytes(), known)
    }

    fn apply(&self, write: &Write) -> OriginResult<Written> {
        self.admit()?;
        let world = self.world();
        if world.strikes(Fault::WriteUnsupported) {
            return Err(OriginError::refused(Code::Unsupported, "405"));
        }
        let now = world.now();
        let mut server = self.server.lock().expect("nothing panics while it holds the server");
        let if_version = write.if_version.map(edgecmp::Version::get);
        let applied =
            server.write(write.key.as_bytes(), write.value.clone(), &write.idempotency_key, if_version, now);
        drop(server);
        trace!(world, "  origin {} {} as {}: {applied:?}", self.name, write.key, write.idempotency_key);
        let version = match applied {
            Applied::Done(version) => version,
            Applied::Replayed(version) => {
                world.count("replayed");
                version
            }
            Applied::Conflict => return Err(OriginError::refused(Code::Conflict, "412")),
        };
        self.garbage()?;
        let last_modified_at = Some(now / MS);
        Ok(Written { validator: validator(self.network.plan.validators, version), last_modified_at })
    }
}

impl Origin for Link {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>> {
        let fetching = self.begin(vec![fetch.key.clone()]);
        let link = self.clone();
        let what = format!("{} fetch {}", self.name, fetch.key);
        let serve: Serve<_> = Arc::new(move || {
            link.admit()?;
            link.garbage()?;
            let answer = link.read(&fetch.key, fetch.known.as_ref());
            trace!(link.world(), "  origin {} {}: {}", link.name, fetch.key, shown(&answer));
            Ok(answer)
        });
        let exchange = self.network.exchange(what, serve);
        Box::pin(async move {
            let _fetching = fetching;
            exchange.await
        })
    }

    fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        _timeout: Duration,
        _trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>> {
        let fetching = self.begin(rows.iter().map(|(key, _)| key.clone()).collect());
        let link = self.clone();
        let what = format!("{} compare of {}", self.name, rows.len());
        let serve: Serve<_> = Arc::new(move || {
            link.admit()?;
            link.garbage()?;
            let world = link.world();
            if link.network.plan.has(Fault::NoCompare) {
                return Ok(None);
            }
            let wanted = if world.strikes(Fault::RowsMissing) { rows.len() - 1 } else { rows.len() };
            let answers = rows.iter().take(wanted).map(|(key, known)| {
                if world.strikes(Fault::RowFailed) {
                    return Err(OriginError::refused(Code::OriginUnavailable, "this row failed"));
                }
                let answer = link.read(key, known.as_ref());
                trace!(world, "  origin {} {key}: {}", link.name, shown(&answer));
                Ok(answer)
            });
            Ok(Some(answers.collect()))
        });
        let exchange = self.network.exchange(what, serve);
        Box::pin(async move {
            let _fetching = fetching;
            exchange.await
        })
    }

    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>> {
        let link = self.clone();
        let what = format!("{} write {} as {}", self.name, write.key, write.idempotency_key);
        self.network.exchange(what, Arc::new(move || link.apply(&write)))
    }
}

fn shown(answer: &Answer) -> String {
    match answer {
        Answer::Unchanged { age, limits } => format!("unchanged, age {age:?} {limits:?}"),
        Answer::Value { validator, age, limits, .. } => format!("{validator:?}, age {age:?} {limits:?}"),
        Answer::Absent { version, age, limits } => format!("absent {version:?}, age {age:?} {limits:?}"),
    }
}
