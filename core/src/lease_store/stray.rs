//! Leases that were asked for, or given back, and whose answer nobody waited for.
//!
//! A server that was paused or cut off finds the requests in its buffers when it
//! goes on, and hands out leases that nobody holds. So their holder to be notes
//! them, and gives them back with its next requests, until they would have lapsed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::facts::clock::Instant;

/// Names that are noted at the most; beyond it the first lapse by themselves.
const MOST: usize = 4096;

/// What was asked for in vain.
#[derive(Debug, Default)]
pub struct Strays {
    calls: Mutex<VecDeque<Stray>>,
}

#[derive(Debug)]
struct Stray {
    names: Vec<Vec<u8>>,
    token: u64,
    /// When the server was first heard of again.
    heard_at: Option<Instant>,
}

impl Strays {
    fn calls(&self) -> MutexGuard<'_, VecDeque<Stray>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that asks for these, or gives them back.
    pub fn asking(&self, names: Vec<Vec<u8>>, token: u64) -> Asking<'_> {
        Asking { strays: self, names, token }
    }

    /// What is to be given back now, name and token.
    pub fn all(&self) -> Vec<(Vec<u8>, u64)> {
        let each = |stray: &Stray| {
            let token = stray.token;
            stray.names.iter().map(move |name| (name.clone(), token)).collect::<Vec<_>>()
        };
        self.calls().iter().flat_map(each).collect()
    }

    /// The server has answered: from now on nothing comes late by more than `ttl`.
    pub fn heard(&self, now: Instant, ttl: Duration) {
        let mut calls = self.calls();
        calls.retain(|stray| stray.heard_at.is_none_or(|at| now < at.after(ttl)));
        for stray in calls.iter_mut() {
            stray.heard_at.get_or_insert(now);
        }
    }
}

/// A call. Dropped without its answer, what it asked for is stray.
pub struct Asking<'a> {
    strays: &'a Strays,
    names: Vec<Vec<u8>>,
    token: u64,
}

impl Asking<'_> {
    /// The answer is there.
    pub fn answered(mut self) {
        self.names.clear();
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        if names.is_empty() {
            return;
        }
        let mut calls = self.strays.calls();
        calls.push_back(Stray { names, token: self.token, heard_at: None });
        while calls.iter().map(|stray| stray.names.len()).sum::<usize>() > MOST {
            calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waited_for_is_given_back_until_it_would_have_lapsed() {
        let strays = Strays::default();
        let at = |ms| Instant::ZERO.after(Duration::from_millis(ms));
        let ttl = Duration::from_millis(2000);
        strays.asking(vec![b"a".into()], 1).answered();
        drop(strays.asking(vec![b"b".into(), b"c".into()], 2));
        assert_eq!(strays.all(), [(b"b".into(), 2), (b"c".into(), 2)]);
        strays.heard(at(500), ttl);
        strays.heard(at(2499), ttl);
        assert_eq!(strays.all().len(), 2);
        strays.heard(at(2500), ttl);
        assert_eq!(strays.all(), []);
    }

    #[test]
    fn bounded() {
        let strays = Strays::default();
        for token in 0..100 {
            drop(strays.asking(vec![b"name".into(); 100], token));
        }
        assert!(strays.all().len() <= MOST && strays.all().iter().any(|(_, token)| *token == 99));
    }
}
