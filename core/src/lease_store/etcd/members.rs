//! The members of the cluster: one connection each, and the one that is asked.
//!
//! A client that balances over all of them would send every third call to one
//! that is hung. Here a member that failed, or did not answer in time, is left for
//! the next one; and what may be done twice is asked of one after another until one
//! answers, which is the one that is asked from then on.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use tokio::sync::{Notify, mpsc};
use tonic_code::is_answer;

use crate::env::{BoxFuture, Env, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::lease_store::config::Config;
use crate::lease_store::link::Link;

/// etcd closes connections that ping more often than every five seconds.
const PING: Duration = Duration::from_secs(6);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// A member that has not answered by then is no longer waited for alone.
const HEDGE: Duration = Duration::from_millis(100);

/// What a client says.
pub type Answer<T> = std::result::Result<T, etcd_client::Error>;
/// What may be asked of several members.
pub type Question<T> = Arc<dyn Fn(Client) -> BoxFuture<'static, Answer<T>> + Send + Sync>;

pub struct Members {
    env: Arc<dyn Env>,
    members: Vec<Arc<Member>>,
    asked: AtomicUsize,
    /// How long a member is waited for alone that is being connected to.
    connect_hedge: Duration,
    /// A member did not answer.
    doubted: Arc<Notify>,
}

struct Member {
    link: Arc<Link<Client>>,
    /// Nanoseconds, zero for never.
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Member {
    fn note(&self, answered: bool, now: Instant) {
        let when = if answered { &self.answered } else { &self.failed };
        when.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// The least is the best to ask: none whose last word was silence, of those one
    /// that is connected, of those the one that answered last.
    fn doubt(&self) -> (bool, bool, Reverse<u64>) {
        let (answered, failed) = (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        (failed > answered, !self.link.is_up(), Reverse(answered))
    }
}

impl Members {
    /// Tells `doubted` of every member that did not answer.
    pub fn new(config: &Config, env: &Arc<dyn Env>, doubted: Arc<Notify>) -> Result<Self> {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let members = config.servers.iter().map(|(host, port)| {
            let url = format!("{scheme}://{host}:{port}");
            let options = connect_options(config, host);
            let connect = move || -> BoxFuture<'static, Result<Client>> {
                let (url, options) = (url.clone(), options.clone());
                Box::pin(async move {
                    let mut client = Client::connect([url], Some(options)).await.map_err(away)?;
                    // The client connects with its first request, and a lease's deadline
                    // may be too short for that.
                    client.status().await.map_err(away)?;
                    Ok(client)
                })
            };
            let link = Link::new(env, login_timeout(config), Box::new(connect));
            Arc::new(Member { link, answered: AtomicU64::new(0), failed: AtomicU64::new(0) })
        });
        let members: Vec<_> = members.collect();
        // The nodes of a fleet do not all begin with the same one.
        let first = env.random() as usize % members.len();
        let asked = AtomicUsize::new(first);
        // With a password each connection costs etcd a hash, a tenth of a second of a
        // processor: not of all members at once.
        let connect_hedge = if config.user.is_empty() { HEDGE } else { config.connect_timeout.max(HEDGE) };
        Ok(Self { env: Arc::clone(env), members, asked, connect_hedge, doubted })
    }

    /// Asks one member. If it does not answer, or the caller does not wait for it,
    /// the next call goes to another; a connection that is being made is left time.
    pub async fn ask<T>(&self, call: impl AsyncFnOnce(&mut Client) -> Answer<T>) -> Result<T> {
        let index = self.asked.load(Ordering::Relaxed);
        let mut blame = Blame { members: self, index, connecting: true, answered: false };
        let connection = self.members[index].link.call().await;
        blame.connecting = false;
        let mut connection = connection?;
        let answer = call(&mut connection.connection).await;
        if answer.as_ref().err().is_none_or(is_answer) {
            connection.answered();
            blame.answered = true;
        }
        answer.map_err(away)
    }

    /// All but this one, the best to ask first.
    fn others(&self, index: usize) -> Vec<usize> {
        let count = self.members.len();
        let mut others: Vec<_> = (1..count).map(|offset| (index + offset) % count).collect();
        others.sort_by_key(|other| self.members[*other].doubt());
        others
    }

    /// Asks another than this from now on. If others have gone on already, that will do.
    fn leave(&self, index: usize) {
        if let Some(next) = self.others(index).first() {
            let _ = self.asked.compare_exchange(index, *next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Asks one member after the other, each in `patience`, until one answers, and does
    /// not wait for long to ask the next. With `gently` it does, and asks no other if
    /// the user is refused: each costs etcd the hash of a password.
    pub async fn first<T: Send + 'static>(
        &self,
        patience: Duration,
        gently: bool,
        question: Question<T>,
    ) -> Result<T> {
        let first = self.asked.load(Ordering::Relaxed);
        let mut left = std::iter::once(first).chain(self.others(first)).collect::<VecDeque<_>>();
        let (sender, mut answers) = mpsc::unbounded_channel();
        let mut error = Error::new(Code::OriginUnavailable, "etcd: no answer in time");
        let mut waiting = 0;
        loop {
            let mut until = self.env.now().after(patience);
            if let Some(index) = left.pop_front() {
                let is_up = |index: &usize| self.members[*index].link.is_up();
                // Only one connection is made at a time.
                let hedge =
                    if is_up(&index) || left.front().is_some_and(is_up) { HEDGE } else { self.connect_hedge };
                self.put(index, until, Arc::clone(&question), sender.clone())?;
                waiting += 1;
                if !gently && !left.is_empty() {
                    until = self.env.now().after(hedge);
                }
            } else if waiting == 0 {
                return Err(error);
            }
            match within(self.env.as_ref(), until, answers.recv()).await.flatten() {
                Some((index, Ok(answer))) => {
                    self.asked.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Some((index, Err(why))) => {
                    waiting -= 1;
                    if is_refusal(&why) {
                        // One that lags behind may be the only one that says so.
                        self.leave(index);
                        return Err(why);
                    }
                    error = why;
                }
                None if left.is_empty() => return Err(error),
                None => {}
            }
        }
    }

    /// A task of its own: a member that is slow is heard to the end, and its connection
    /// not given up because another was quicker.
    fn put<T: Send + 'static>(
        &self,
        index: usize,
        until: Instant,
        question: Question<T>,
        sender: mpsc::UnboundedSender<(usize, Result<T>)>,
    ) -> Result<()> {
        let (env, member) = (Arc::clone(&self.env), Arc::clone(&self.members[index]));
        self.env.spawn(Box::pin(async move {
            let ask = async {
                let mut call = member.link.call().await?;
                let answer = question(call.connection.clone()).await;
                if answer.as_ref().err().is_none_or(is_answer) {
                    call.answered();
                }
                answer.map_err(away)
            };
            let answer = within(env.as_ref(), until, ask).await;
            member.note(matches!(answer, Some(Ok(_))), env.now());
            if let Some(answer) = answer {
                // Nobody waits for more than the first.
                let _ = sender.send((index, answer));
            }
        }))
    }
}

/// Longest wait for a connection that can be used. To log in costs etcd a hash beside
/// the connection; given up, all of it would be done again and again.
fn login_timeout(config: &Config) -> Duration {
    if config.user.is_empty() { config.connect_timeout } else { 4 * config.connect_timeout }
}

/// Whether etcd does not know the user, or another password.
pub fn is_refusal(error: &Error) -> bool {
    error.message().contains("authentication failed")
}

/// Who is asked next, if this one does not answer.
struct Blame<'a> {
    members: &'a Members,
    index: usize,
    connecting: bool,
    answered: bool,
}

impl Drop for Blame<'_> {
    fn drop(&mut self) {
        if !self.connecting {
            self.members.members[self.index].note(self.answered, self.members.env.now());
        }
        if !self.answered {
            if !self.connecting {
                self.members.leave(self.index);
            }
            self.members.doubted.notify_one();
        }
    }
}

fn connect_options(config: &Config, host: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new()
        .with_connect_timeout(config.connect_timeout)
        .with_keep_alive(PING, PING_TIMEOUT)
        .with_keep_alive_while_idle(true)
        .with_auto_token_refresh(true);
    if !config.user.is_empty() {
        options = options.with_user(&config.user, config.password.expose());
    }
    if let Some(tls) = &config.tls {
        choose_provider();
        let mut how = TlsOptions::new().domain_name(host.trim_matches(['[', ']']));
        how = match &tls.ca {
            Some(ca) => how.ca_certificate(Certificate::from_pem(ca)),
            None => how.with_enabled_roots(),
        };
        if let Some((cert, key)) = &tls.identity {
            how = how.identity(Identity::from_pem(cert, key));
        }
        options = options.with_tls(how);
    }
    options
}

/// The client asks rustls for the provider of the process, and rustls panics if it has two
/// to choose from: another part of the process may have brought its own.
fn choose_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails if somebody was quicker, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

pub fn away(error: etcd_client::Error) -> Error {
    let text = match &error {
        etcd_client::Error::GRpcStatus(status) => status.message().to_owned(),
        // Nothing of it is ours, least of all a password.
        other => other.to_string(),
    };
    Error::new(Code::OriginUnavailable, format!("etcd: {text}"))
}

mod tonic_code {
    use etcd_client::Error;

    /// Whether an error is an answer of a member that works: another one would say
    /// the same.
    pub fn is_answer(error: &Error) -> bool {
        match error {
            Error::GRpcStatus(status) => matches!(
                status.message(),
                "etcdserver: requested lease not found"
                    | "etcdserver: mvcc: database space exceeded"
                    | "etcdserver: permission denied"
                    | "etcdserver: too many operations in txn request"
                    | "etcdserver: request is too large"
            ),
            _ => false,
        }
    }
}
