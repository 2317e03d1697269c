//! What may be in etcd by us. It would stay there as long as the session: what is not
//! given back in time is deleted by the session's task.

use std::collections::HashMap;

use super::Shared;
use crate::facts::clock::Instant;

/// By name and token, until when. A name may be there twice: a key that somebody
/// deleted can be won again.
pub type Held = HashMap<(Vec<u8>, u64), Instant>;

/// A request for leases, until its answer is there.
pub struct Asking<'a> {
    shared: &'a Shared,
    names: &'a [Vec<u8>],
    token: u64,
    answered: bool,
}

impl<'a> Asking<'a> {
    /// Notes the leases before they are asked for: if nobody waits for the answer, the
    /// keys may be there all the same.
    pub fn new(shared: &'a Shared, names: &'a [Vec<u8>], token: u64, until: Instant) -> Self {
        shared.held().extend(names.iter().map(|name| ((name.clone(), token), until)));
        Self { shared, names, token, answered: false }
    }

    /// Leaves only what was won.
    pub fn answered(mut self, outcomes: &[bool]) {
        self.answered = true;
        let mut held = self.shared.held();
        for (name, _) in self.names.iter().zip(outcomes).filter(|(_, won)| !**won) {
            held.remove(&(name.clone(), self.token));
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // Nobody has these leases, whether they are there or not: the next heartbeat
        // deletes them, and the fleet need not wait until they lapse.
        let now = self.shared.env.now();
        let mut held = self.shared.held();
        for name in self.names {
            if let Some(until) = held.get_mut(&(name.clone(), self.token)) {
                *until = now;
            }
        }
    }
}
