//! Writes, and what a client does when it was not told what became of one.

use std::time::Duration;

use edgecmp::{Code, Pending, Result, Version, WriteOptions, WriteReceipt};

use super::Client;
use super::ledger::{WriteRecord, crc};
use crate::node::Fleet;
use crate::trace;
use crate::world::MS;

/// Attempts at one write.
const ATTEMPTS: usize = 4;

impl Client {
    /// Sets or deletes a key; an unknown outcome is retried with its idempotency key, mostly.
    pub(super) async fn write(&self, key: usize, deletes: bool) {
        let world = &self.fleet.world;
        let len = world.draw(|rng| rng.pick(&[8, 100, 1000, 4000]));
        let value = self.fleet.server.lock().expect("nothing panics here").fresh_value(len);
        let mut options = WriteOptions::default();
        let carried = self.fleet.seen.lock().expect("nothing panics here").get(&key).copied();
        world.draw(|rng| {
            if self.fleet.plan.has_versions() && rng.chance(150) {
                options.if_version = carried.map(Version::new);
            }
            if rng.chance(300) {
                options.timeout = Some(Duration::from_millis(rng.pick(&[1, 10, 100])));
            }
            if rng.chance(200) {
                options.idempotency_key = Some(format!("mine-{:x}", rng.draw()).into());
            }
        });
        for _ in 0..ATTEMPTS {
            let Some(unknown) = self.attempt(key, (!deletes).then_some(&value), &options).await else {
                return;
            };
            let (retries, wait) = world.draw(|rng| (rng.chance(800), rng.below(150 * MS)));
            if !retries {
                return;
            }
            world.sleep(wait).await;
            options.idempotency_key = Some(unknown);
        }
    }

    /// One attempt. Gives the idempotency key if its outcome is unknown.
    async fn attempt(&self, key: usize, value: Option<&[u8]>, options: &WriteOptions) -> Option<Box<str>> {
        let world = &self.fleet.world;
        let life = self.life();
        let name = Fleet::key(key);
        let started = self.started(&life);
        let begun: Result<Pending<WriteReceipt>> = match value {
            Some(value) => life.cache.start_set(&name, value, options),
            None => life.cache.start_delete(&name, options),
        };
        let (idempotency_key, outcome) = match begun {
            Ok(pending) => (Box::from(pending.idempotency_key()), self.outcome(pending).await),
            Err(error) => (options.idempotency_key.clone().unwrap_or_default(), Some(Err(error))),
        };
        let end = world.now();
        let outcome = match outcome {
            None => Err(Code::Cancelled),
            Some(Ok(receipt)) => {
                if receipt.idempotency_key != idempotency_key {
                    world.fail(format_args!("G5: {idempotency_key} was acknowledged as {receipt:?}"));
                }
                Ok(receipt.version.get())
            }
            Some(Err(error)) => {
                let names_its_key = error.idempotency_key() == Some(&*idempotency_key);
                if (error.code() == Code::UnknownOutcome) != names_its_key {
                    world.fail(format_args!("G5: {idempotency_key} failed with {error}"));
                }
                Err(error.code())
            }
        };
        trace!(
            world,
            "c{} writes {} to cache {}: {idempotency_key} {outcome:?}",
            self.number,
            name.escape_ascii(),
            life.id
        );
        match outcome {
            Ok(_) => world.count("acknowledged"),
            Err(code) => world.count(code.name()),
        }
        if matches!(outcome, Err(Code::Internal | Code::InvalidArgument)) {
            world.fail(format_args!("a write failed with {outcome:?}"));
        }
        self.ledger.write(WriteRecord {
            cache: life.id,
            client: self.number,
            key,
            start: started.at,
            end,
            idempotency_key: idempotency_key.clone(),
            crc: value.map_or(0, crc),
            deletes: value.is_none(),
            outcome,
        });
        let timeout = options.timeout.unwrap_or(self.fleet.plan.options.write_timeout);
        self.check_deadline("write", &life, started, timeout);
        (outcome == Err(Code::UnknownOutcome)).then_some(idempotency_key)
    }
}
