//! Reads while the origin is away, and as it comes back (G8).

use super::read::Reading;
use crate::coordination::gate::refusal;
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::facts::receipt::{Proof, Seen, Source, Value};
use crate::facts::statistics::Stat;
use crate::rules::breaker::Outlook;
use crate::rules::freshness::{Standing, hard_bound, outage_bound};
use crate::work::compare::fetch_behind;
use crate::work::fetch::known;

impl Reading {
    /// While the breaker is not closed no read waits for the origin in vain: it
    /// is answered from the cache, degraded if it may be, or told so. After an
    /// outage who may be answered degraded leaves the slots to others.
    pub(super) fn spare_the_origin(&self) -> Result<Option<Value>> {
        let (node, now) = (&self.node, self.node.now());
        let outlook = node.gate.outlook(now);
        if outlook == Outlook::Clear {
            return Ok(None);
        }
        // A flight may have landed between our probe and now.
        let present = known(node, &self.key);
        if let Some(Ok(value)) = present.map(|entry| self.judge(&entry, Source::Cache)) {
            return Ok(Some(value));
        }
        if let Outlook::Refused(until) = outlook {
            node.counters.add(Stat::BreakerRejected);
            return Err(refusal(until, now));
        }
        let value = self.degraded();
        if value.is_some() {
            node.counters.add(Stat::DegradedReads);
            node.refreshes.turn_away(&self.key, now);
            fetch_behind(node, &self.key, outlook);
        } else if let Outlook::Slot(free) = outlook {
            // The line has one already, if somebody stands in it.
            let slot = node.line.slot().map_or(free, |slot| slot.min(free));
            if slot > self.deadline {
                node.counters.add(Stat::BreakerRejected);
                return Err(refusal(slot, now));
            }
        }
        Ok(value)
    }

    /// The last value, if it may be answered as degraded.
    fn degraded(&self) -> Option<Value> {
        let node = &self.node;
        let entry = node.store.load(node.store.hash(self.key.as_bytes()), self.key.as_bytes())?;
        let standing = Standing::of(&entry);
        let bounds = node.policy.key_bounds(self.key.as_bytes());
        let bound = outage_bound(&standing, &bounds, &self.read)?;
        let age = node.policy.drift.age(standing.validated_at, node.now());
        let hard = hard_bound(&standing, &bounds, &self.read);
        let seen = Seen { staleness: age, bound: hard, source: Source::Cache, proof: Proof::None };
        // At zero all that is known is that it is older than the machine is up.
        let dated = standing.validated_at > Instant::ZERO;
        let allowed = dated && age <= bound && standing.version >= self.read.min_version;
        allowed.then(|| Value { entry: entry.share(), seen })
    }

    /// The last value within the outage bound, marked degraded, or the error.
    pub(super) fn degraded_or(&self, error: Error) -> Result<Value> {
        let node = &self.node;
        let mut value = None;
        if is_outage(error.code()) {
            value = self.degraded();
            // Also who is the first to see the outage: the next read may be long after it.
            let away = matches!(error.code(), Code::OriginUnavailable | Code::BreakerOpen);
            if away && (value.is_some() || known(node, &self.key).is_some()) {
                node.refreshes.turn_away(&self.key, node.now());
            }
        }
        match value {
            Some(value) => {
                node.counters.add(Stat::DegradedReads);
                Ok(value)
            }
            None => {
                node.counters.add(Stat::FailedReads);
                Err(error)
            }
        }
    }
}

/// Whether a degraded answer may stand in for this failure: the origin did not
/// answer in time. A refusal is an answer.
fn is_outage(code: Code) -> bool {
    matches!(
        code,
        Code::OriginUnavailable
            | Code::OriginProtocol
            | Code::BreakerOpen
            | Code::Overloaded
            | Code::DeadlineExceeded
            | Code::TooStale
    )
}
