//! Reads.

use std::time::Duration;

use edgecmp::{Code, ReadOptions, Receipt, Result, Started as Call, Value, Version};

use super::ledger::{ReadRecord, Seen, crc};
use super::{Client, Started};
use crate::fault::Fault;
use crate::node::{Fleet, Life};
use crate::trace;
use crate::world::Nanos;

impl Client {
    /// The non-blocking look.
    pub(super) fn lookup(&self, key: usize) {
        let life = self.life();
        let options = self.read_options(key);
        let started = self.started(&life);
        match life.cache.lookup(&Fleet::key(key), &options) {
            Ok(Some(hit)) => {
                let seen = seen(hit.bytes(), &hit.receipt());
                self.note(&life, key, &options, started, "lookup", Ok(seen));
            }
            Ok(None) => {}
            Err(error) => self.note(&life, key, &options, started, "lookup", Err(error.code())),
        }
        self.check_deadline("lookup", &life, started, Duration::ZERO);
    }

    /// A read that waits for the origin if it must.
    pub(super) async fn get(&self, key: usize) {
        let life = self.life();
        let options = self.read_options(key);
        let started = self.started(&life);
        let outcome = match life.cache.start_get(&Fleet::key(key), &options) {
            Ok(Call::Ready(value)) => Some(Ok(value)),
            Ok(Call::Pending(pending)) => self.outcome(pending).await,
            Err(error) => Some(Err(error)),
        };
        let Some(outcome) = outcome else { return };
        self.note_outcome(&life, key, &options, started, "get", &outcome);
        self.check_deadline("get", &life, started, self.read_timeout(&options));
    }

    /// Several keys at once, some of them twice.
    pub(super) async fn get_many(&self) {
        let life = self.life();
        let world = &self.fleet.world;
        let all = self.fleet.plan.keys as u64;
        let indices: Vec<usize> =
            world.draw(|rng| (0..rng.between(1, 7)).map(|_| rng.zipf(all) as usize).collect());
        let keys: Vec<_> = indices.iter().map(|key| Fleet::key(*key)).collect();
        let mut options = self.read_options(indices[0]);
        // A version of one key says nothing of the others.
        options.min_version = None;
        let started = self.started(&life);
        let outcome = match life.cache.start_get_many(&keys, &options) {
            Ok(Call::Ready(values)) => Some(Ok(values)),
            Ok(Call::Pending(pending)) => self.outcome(pending).await,
            Err(error) => Some(Err(error)),
        };
        match outcome {
            None => return,
            Some(Ok(values)) => {
                if values.len() != keys.len() {
                    world.fail(format_args!("get_many of {} keys gave {} answers", keys.len(), values.len()));
                }
                for (key, value) in indices.iter().zip(&values) {
                    self.note_outcome(&life, *key, &options, started, "get_many", value);
                }
            }
            Some(Err(error)) => {
                self.note(&life, indices[0], &options, started, "get_many", Err(error.code()));
            }
        }
        self.check_deadline("get_many", &life, started, self.read_timeout(&options));
    }

    fn read_timeout(&self, options: &ReadOptions) -> Duration {
        options.timeout.unwrap_or(self.fleet.plan.options.read_timeout)
    }

    fn read_options(&self, key: usize) -> ReadOptions {
        let mut options = ReadOptions::default();
        let ours = self.fleet.plan.options.staleness_bound;
        let carried = self.fleet.seen.lock().expect("nothing panics here").get(&key).copied();
        let has_versions = self.fleet.plan.has_versions();
        // "No such key" without a version, asked for after the read began, will
        // do for any version that exists; for one that does not, nobody promises.
        let invents = u64::from(!self.fleet.plan.has(Fault::UnversionedDeletes)) * 100;
        self.fleet.world.draw(|rng| {
            if rng.chance(350) {
                let bound = ours * rng.pick(&[1, 5, 10, 20, 60]) / 10;
                options.staleness_bound = Some(bound.max(Duration::from_millis(1)));
                options.widen = rng.chance(500);
            }
            if rng.chance(250) {
                options.outage_bound = Some(ours * rng.pick(&[0, 1, 3, 20, 100]));
            }
            if rng.chance(400) {
                options.timeout = Some(Duration::from_millis(rng.pick(&[1, 5, 30, 200])));
            }
            if has_versions && rng.chance(200) {
                // Now and then one that nobody has written yet.
                let invented = u128::from(rng.chance(invents));
                options.min_version =
                    carried.filter(|v| *v > 0).map(|version| Version::new(version + invented));
            }
        });
        options
    }

    fn note_outcome(
        &self,
        life: &Life,
        key: usize,
        options: &ReadOptions,
        started: Started,
        call: &str,
        outcome: &Result<Value>,
    ) {
        let answer = match outcome {
            Ok(value) => {
                if value.key() != Fleet::key(key) {
                    self.fleet.world.fail(format_args!("{call} of key {key} gave the value of another key"));
                }
                Ok(seen(value.bytes(), &value.receipt()))
            }
            Err(error) => Err(error.code()),
        };
        self.note(life, key, options, started, call, answer);
    }

    fn note(
        &self,
        life: &Life,
        key: usize,
        options: &ReadOptions,
        started: Started,
        call: &str,
        answer: std::result::Result<Seen, Code>,
    ) {
        let world = &self.fleet.world;
        let plan = &self.fleet.plan;
        let name = Fleet::key(key);
        let promised = |ours: Duration| match options.staleness_bound {
            Some(asked) if options.widen => asked,
            Some(asked) => asked.min(ours),
            None => ours,
        };
        let record = ReadRecord {
            cache: life.id,
            client: self.number,
            key,
            start: started.at,
            end: world.now(),
            bound: promised(plan.promised_bound(&name)).as_nanos() as Nanos,
            negative_bound: promised(plan.promised_negative_bound(&name)).as_nanos() as Nanos,
            outage_bound: options.outage_bound.unwrap_or(plan.options.outage_bound).as_nanos() as Nanos,
            min_version: options.min_version.map_or(0, Version::get),
            answer,
        };
        trace!(
            world,
            "c{} {call} {} of cache {}: {:?}",
            self.number,
            name.escape_ascii(),
            life.id,
            record.answer
        );
        self.count(&record);
        self.ledger.read(record);
    }

    fn count(&self, record: &ReadRecord) {
        let world = &self.fleet.world;
        match &record.answer {
            Ok(seen) => {
                let waited = seen.source == edgecmp::Source::Origin;
                world.count(if seen.degraded {
                    "degraded"
                } else if waited {
                    "fetched"
                } else {
                    "hit"
                });
                if seen.value.is_none() {
                    world.count("absent");
                }
                let mut carried = self.fleet.seen.lock().expect("nothing panics here");
                let highest = carried.entry(record.key).or_default();
                *highest = seen.version.max(*highest);
            }
            Err(code) => {
                world.count(code.name());
                if matches!(
                    code,
                    Code::Internal | Code::InvalidArgument | Code::Forked | Code::UnknownOutcome
                ) {
                    world.fail(format_args!("a read failed with {}", code.name()));
                }
            }
        }
    }
}

fn seen(bytes: Option<&[u8]>, receipt: &Receipt) -> Seen {
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    Seen {
        version: receipt.version.get(),
        value: bytes.map(|bytes| (number(bytes), crc(bytes))),
        staleness: receipt.staleness.as_nanos() as Nanos,
        receipt_bound: receipt.bound.as_nanos() as Nanos,
        degraded: receipt.degraded,
        source: receipt.source,
    }
}
