//! The members of the cluster: one connection each, and the one that is asked.
//!
//! A client that balances over all of them would send every third call to one
//! that is hung. Here a member that failed, or did not answer in time, is left for
//! the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use tonic_code::is_answer;

use crate::env::{BoxFuture, Env};
use crate::facts::error::{Code, Error, Result};
use crate::lease_store::config::Config;
use crate::lease_store::link::Link;

/// etcd closes connections that ping more often than every five seconds.
const PING: Duration = Duration::from_secs(6);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

pub struct Members {
    links: Vec<Arc<Link<Client>>>,
    asked: AtomicUsize,
}

impl Members {
    pub fn new(config: &Config, env: &Arc<dyn Env>) -> Result<Self> {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let links = config.servers.iter().map(|(host, port)| {
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
            Link::new(env, config.connect_timeout, Box::new(connect))
        });
        let links: Vec<_> = links.collect();
        // The nodes of a fleet do not all begin with the same one.
        let first = env.random() as usize % links.len();
        Ok(Self { links, asked: AtomicUsize::new(first) })
    }

    /// Asks one member. If it does not answer, or the caller does not wait for it,
    /// the next call goes to another.
    pub async fn ask<T>(
        &self,
        call: impl AsyncFnOnce(&mut Client) -> std::result::Result<T, etcd_client::Error>,
    ) -> Result<T> {
        let index = self.asked.load(Ordering::Relaxed) % self.links.len();
        let mut blame = Blame { members: self, index, answered: false };
        let mut connection = self.links[index].call().await?;
        let answer = call(&mut connection.connection).await;
        if answer.as_ref().err().is_none_or(is_answer) {
            connection.answered();
            blame.answered = true;
        }
        answer.map_err(away)
    }
}

/// Who is asked next, if this one does not answer.
struct Blame<'a> {
    members: &'a Members,
    index: usize,
    answered: bool,
}

impl Drop for Blame<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let next = (self.index + 1) % self.members.links.len();
            // If others have gone on already, that will do.
            let _ =
                self.members.asked.compare_exchange(self.index, next, Ordering::Relaxed, Ordering::Relaxed);
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
            ),
            _ => false,
        }
    }
}
