//! The session of a node with etcd: one etcd lease that is kept alive as long as
//! the node runs. If it does not, etcd deletes all keys under it.
//!
//! The task's own heartbeat, each with its own deadline: a keep-alive stream to a
//! member that is hung never ends.
//!
//! The heart beats at once when a member did not answer a call, and finds one that
//! does. While none does, nobody else asks: when etcd is back the heartbeats know
//! first, and say so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use etcd_client::{Client, LeaseGrantOptions};
use tokio::sync::Notify;

use super::Shared;
use super::members::{Question, is_refusal};
use crate::env::{SplitMix, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::rules::backoff::Backoff;

/// etcd's own floor, at its default settings.
const LEAST_TTL: Duration = Duration::from_secs(2);
/// Heartbeats in the life of a session.
const BEATS: u32 = 4;
/// Of so many heartbeats one looks for forgotten keys.
const LOOK_EVERY: u32 = 2;
/// Between attempts. A node with a wrong password makes etcd hash it each time.
const PAUSE: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_millis(400) };
/// Longest wait for one answer of a member that is connected.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Default)]
pub struct Session {
    state: Mutex<State>,
    changed: Notify,
    /// Something for the task to do before its next heartbeat.
    wake: Arc<Notify>,
    /// How often etcd answered again after it had not.
    returns: AtomicU64,
}

#[derive(Default)]
struct State {
    is_kept: bool,
    is_closed: bool,
    id: Option<i64>,
    /// Why none could be begun, or is not to be used now.
    error: Option<Error>,
}

/// Whether an answer says that the session is gone.
pub fn is_lost(error: &Error) -> bool {
    error.message().contains("requested lease not found")
}

impl Session {
    /// `wake` is told of members that do not answer, too.
    pub fn new(wake: Arc<Notify>) -> Self {
        Self { wake, ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of this number is gone: the task begins another.
    pub fn lost(&self, id: i64) {
        let mut state = self.state();
        if state.id == Some(id) {
            state.id = None;
            self.wake.notify_one();
        }
    }

    /// How often etcd has returned.
    pub fn returns(&self) -> u64 {
        self.returns.load(Ordering::Relaxed)
    }

    /// The last session, if there is one. From now on there is none.
    pub fn end(&self) -> Option<i64> {
        let mut state = self.state();
        state.is_closed = true;
        state.error = Some(Error::new(Code::Closed, "the lease store was closed"));
        let id = state.id.take();
        drop(state);
        self.wake.notify_one();
        self.changed.notify_waiters();
        id
    }

    fn set(&self, id: Option<i64>, error: Option<Error>) {
        let mut state = self.state();
        if !state.is_closed {
            (state.id, state.error) = (id, error);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Etcd does not answer: whoever asks is told so without delay.
    fn doubt(&self, error: Option<Error>) {
        let mut state = self.state();
        if !state.is_closed {
            state.error = error;
        }
    }

    fn has(&self, id: i64) -> bool {
        self.state().id == Some(id)
    }

    fn is_closed(&self) -> bool {
        self.state().is_closed
    }
}

/// What became of attempts to reach etcd.
#[derive(Default)]
struct Attempts {
    failed: u32,
    /// It was reached, and refused us.
    refused: bool,
}

impl Attempts {
    fn failed(&mut self, error: &Error) {
        self.failed = self.failed.saturating_add(1);
        self.refused = is_refusal(error);
    }

    /// How long to wait for the next one.
    fn pause(&self, draw: u64) -> Duration {
        if self.refused { PAUSE.ceiling(self.failed) } else { PAUSE.wait(self.failed, draw) }
    }
}

impl Shared {
    /// The present session. Waits while one is begun; if that has failed, says why.
    pub async fn session(&self, shared: &Arc<Self>) -> Result<i64> {
        loop {
            let mut changed = std::pin::pin!(self.session.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.session.state();
                if let Some(error) = &state.error {
                    return Err(error.clone());
                }
                if let Some(id) = state.id {
                    return Ok(id);
                }
                if !state.is_kept {
                    state.is_kept = true;
                    let task = keep(Arc::downgrade(shared));
                    drop(state);
                    self.env.spawn(Box::pin(task))?;
                }
            }
            changed.await;
        }
    }

    fn session_ttl(&self) -> Duration {
        self.config.ttl.max(LEAST_TTL)
    }

    /// Longest wait for one member, which may have to be connected to first.
    fn patience(&self) -> Duration {
        PATIENCE.max(self.config.connect_timeout + PATIENCE / 4)
    }

    /// A session of this number: asked for twice, it is one.
    async fn begin(&self, id: i64, gently: bool) -> Result<()> {
        let seconds = self.session_ttl().as_secs_f64().ceil() as i64;
        let grant: Question<()> = Arc::new(move |mut client: Client| {
            Box::pin(async move {
                let options = LeaseGrantOptions::new().with_id(id);
                client.lease_grant(seconds, Some(options)).await.map(drop)
            })
        });
        match self.members.first(self.patience(), gently, grant).await {
            Err(error) if error.message().contains("lease already exists") => Ok(()),
            begun => begun,
        }
    }

    /// Whether the session lives.
    async fn beat(&self, id: i64, gently: bool) -> Result<bool> {
        let beat: Question<bool> = Arc::new(move |mut client: Client| {
            Box::pin(async move {
                // The stream's first answer is waited for here, and no other needed.
                match client.lease_keep_alive(id).await {
                    Ok(_) => Ok(true),
                    Err(etcd_client::Error::LeaseKeepAliveError(why)) if why == "lease not found" => {
                        Ok(false)
                    }
                    Err(error) => Err(error),
                }
            })
        });
        self.members.first(self.patience(), gently, beat).await
    }

    /// Keeps the session until etcd says that it is gone. Its time may be over by our
    /// clock and not by etcd's: a new leader gives every lease all its time again, and
    /// what we held would be held by nobody for as long.
    async fn keep_one(&self, id: i64) {
        let pause = self.session_ttl() / BEATS;
        let mut attempts = Attempts::default();
        let mut next = self.env.now().after(pause);
        let (mut soonest, mut look, mut late_until) = (self.env.now(), self.env.now(), self.env.now());
        loop {
            let woken = attempts.failed == 0
                && within(self.env.as_ref(), next, self.session.wake.notified()).await.is_some();
            // What makes all calls fail does not make one heartbeat after the other.
            self.env.sleep_until(if woken { soonest } else { next }).await;
            if !self.session.has(id) {
                return;
            }
            match self.beat(id, attempts.refused).await {
                Ok(true) => {
                    if woken || attempts.failed > 0 {
                        // What is done late is done when its member goes on.
                        late_until = self.env.now().after(2 * self.session_ttl());
                        self.session.doubt(None);
                        self.session.returns.fetch_add(1, Ordering::Relaxed);
                    }
                    attempts = Attempts::default();
                }
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "a heartbeat to etcd failed");
                    attempts.failed(&error);
                    self.session.doubt(Some(error));
                    next = self.env.now().after(attempts.pause(self.env.random()));
                    continue;
                }
            }
            let now = self.env.now();
            soonest = now.after(PAUSE.base);
            if now < late_until {
                look = now;
            }
            self.tidy(id, &mut look).await;
            next = self.env.now().after(pause);
        }
    }

    /// What is there too long blocks others of the fleet; the next beat tries again.
    async fn tidy(&self, id: i64, look: &mut Instant) {
        let now = self.env.now();
        let tidy = async {
            self.delete_overdue().await?;
            if self.env.now() >= *look {
                self.delete_forgotten(id).await?;
                *look = now.after(self.session_ttl() / BEATS * LOOK_EVERY);
            }
            Ok::<_, Error>(())
        };
        let _ = within(self.env.as_ref(), now.after(PATIENCE), tidy).await;
    }

    /// A number that no other node draws, also if all have the same `seed`.
    fn session_id(&self) -> i64 {
        let draw = SplitMix::new(self.env.random() ^ self.env.now().as_nanos()).draw();
        // Positive, and not zero.
        (draw >> 1 | 1) as i64
    }
}

/// Keeps a session, one after another, as long as the store is there.
async fn keep(shared: Weak<Shared>) {
    let mut attempts = Attempts::default();
    let mut id = None;
    while let Some(shared) = shared.upgrade() {
        if shared.session.is_closed() {
            return;
        }
        let number = *id.get_or_insert_with(|| shared.session_id());
        match shared.begin(number, attempts.refused).await {
            Ok(()) => {
                (attempts, id) = (Attempts::default(), None);
                shared.session.set(Some(number), None);
                shared.session.returns.fetch_add(1, Ordering::Relaxed);
                shared.keep_one(number).await;
                shared.session.set(None, None);
                tracing::debug!("the session with etcd is gone");
            }
            Err(error) => {
                tracing::debug!(%error, "no session with etcd");
                attempts.failed(&error);
                shared.session.set(None, Some(error));
                let until = shared.env.now().after(attempts.pause(shared.env.random()));
                shared.env.sleep_until(until).await;
            }
        }
    }
}
