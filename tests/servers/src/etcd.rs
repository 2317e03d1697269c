//! An etcd cluster, one process a member.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};

use crate::certificates::Certificates;
use crate::process::{Process, free_port};

/// A busy machine starts three members in seconds.
const START: Duration = Duration::from_secs(30);

/// How members are started.
#[derive(Clone, Debug, Default)]
pub struct EtcdOptions {
    /// Bytes the database may have; 0: etcd's own.
    pub quota: u64,
    /// The cost of hashing a password; 0: etcd's own, at which a login takes all of a core
    /// for a tenth of a second.
    pub bcrypt_cost: u32,
    /// Seconds that a token lives which is not used; 0: etcd's own.
    pub token_ttl: u64,
    /// Clients come with TLS.
    pub tls: Option<Arc<Certificates>>,
    /// And show a certificate.
    pub client_certificates: bool,
}

/// A cluster.
#[derive(Debug)]
pub struct EtcdCluster {
    options: EtcdOptions,
    members: Vec<Member>,
    /// Deleted when all members are killed: fields are dropped in their order.
    directory: tempfile::TempDir,
}

#[derive(Debug)]
struct Member {
    process: Option<Process>,
    is_paused: AtomicBool,
    client: u16,
    peer: u16,
    /// Plain HTTP: health and metrics.
    metrics: u16,
}

fn binary() -> PathBuf {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/etcd");
    let path = std::env::var_os("EDGECMP_ETCD").map_or_else(|| PathBuf::from(ours), PathBuf::from);
    assert!(path.is_file(), "{} is missing: `make etcd` builds it", path.display());
    path
}

/// Runs a future of etcd's client to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let limited = async { tokio::time::timeout(Duration::from_secs(20), future).await };
    runtime.block_on(limited).expect("the administrator is answered within 20 s")
}

impl EtcdCluster {
    /// A cluster that is healthy.
    pub fn start(members: usize) -> Self {
        Self::start_with(members, EtcdOptions::default())
    }

    /// The same with options.
    pub fn start_with(members: usize, options: EtcdOptions) -> Self {
        let member = || Member {
            process: None,
            is_paused: AtomicBool::new(false),
            client: free_port(),
            peer: free_port(),
            metrics: free_port(),
        };
        let members: Vec<_> = (0..members).map(|_| member()).collect();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Self { options, members, directory };
        for index in 0..cluster.members.len() {
            cluster.launch(index);
        }
        cluster.wait_healthy();
        cluster
    }

    fn launch(&mut self, index: usize) {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        let member = &self.members[index];
        let client = format!("{scheme}://127.0.0.1:{}", member.client);
        let peer = |member: &Member| format!("http://127.0.0.1:{}", member.peer);
        let all = self.members.iter().enumerate();
        let all: Vec<_> = all.map(|(index, member)| format!("m{index}={}", peer(member))).collect();
        let mut command = Command::new(binary());
        command
            .arg("--name")
            .arg(format!("m{index}"))
            .arg("--data-dir")
            .arg(self.directory.path().join(index.to_string()))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer(member), "--initial-advertise-peer-urls", &peer(member)])
            .args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"])
            .args(["--listen-metrics-urls", &format!("http://127.0.0.1:{}", member.metrics)])
            // Processes are killed here, the machine is not.
            .args(["--log-level", "warn", "--unsafe-no-fsync"]);
        if self.options.quota > 0 {
            command.args(["--quota-backend-bytes", &self.options.quota.to_string()]);
        }
        if self.options.bcrypt_cost > 0 {
            command.args(["--bcrypt-cost", &self.options.bcrypt_cost.to_string()]);
        }
        if self.options.token_ttl > 0 {
            command.args(["--auth-token-ttl", &self.options.token_ttl.to_string()]);
        }
        if let Some(certificates) = &self.options.tls {
            command.arg("--cert-file").arg(certificates.path("server.pem"));
            command.arg("--key-file").arg(certificates.path("server.key"));
            if self.options.client_certificates {
                command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(certificates.path("ca.pem"));
            }
        }
        let log = self.directory.path().join(format!("m{index}.log"));
        self.members[index].process = Some(Process::start(&mut command, &log).expect("etcd starts"));
    }

    /// Waits until every member that runs answers for a cluster with a leader.
    pub fn wait_healthy(&mut self) {
        let deadline = Instant::now() + START;
        for index in 0..self.members.len() {
            while self.members[index].process.is_some() && !self.is_healthy(index) {
                let ended = self.members[index].process.as_mut().is_some_and(Process::has_ended);
                if ended || Instant::now() > deadline {
                    panic!("member {index} is not healthy (ended: {ended}):\n{}", self.log(index));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn log(&self, index: usize) -> String {
        let log = std::fs::read_to_string(self.directory.path().join(format!("m{index}.log")));
        let log = log.unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Whether a member answers, as one of a cluster with a leader.
    pub fn is_healthy(&self, index: usize) -> bool {
        let health = get(self.members[index].metrics, "/health?exclude=NOSPACE");
        health.is_ok_and(|health| health.contains(r#""health":"true""#))
    }

    /// The member that leads, of those that answer.
    pub fn leader(&self) -> usize {
        let deadline = Instant::now() + START;
        loop {
            for (index, member) in self.members.iter().enumerate() {
                let metrics = get(member.metrics, "/metrics");
                if metrics.is_ok_and(|metrics| metrics.contains("\netcd_server_is_leader 1\n")) {
                    return index;
                }
            }
            assert!(Instant::now() < deadline, "no leader");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Bytes the database of each may have; 0: etcd's own.
    pub(crate) fn quota(&self) -> u64 {
        self.options.quota
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// There is one at least.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The port of a member.
    pub fn port(&self, index: usize) -> u16 {
        self.members[index].client
    }

    /// `127.0.0.1:port` of all.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("127.0.0.1:{}", member.client)).collect()
    }

    /// What `lease_store` says.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "etcds" } else { "etcd" };
        format!("{scheme}://{}", self.endpoints().join(","))
    }

    fn process(&self, index: usize) -> &Process {
        self.members[index].process.as_ref().expect("a member that runs")
    }

    /// SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.members[index].process = None;
        self.members[index].is_paused.store(false, Ordering::Relaxed);
    }

    /// Starts a member that was killed, with its data; does not wait.
    pub fn restart(&mut self, index: usize) {
        assert!(self.members[index].process.is_none(), "member {index} runs");
        self.launch(index);
    }

    /// SIGSTOP.
    pub fn pause(&self, index: usize) {
        self.process(index).pause();
        self.members[index].is_paused.store(true, Ordering::Relaxed);
    }

    /// SIGCONT.
    pub fn resume(&self, index: usize) {
        self.process(index).signal(libc::SIGCONT);
        self.members[index].is_paused.store(false, Ordering::Relaxed);
    }

    /// An administrator's connection to the first member that runs, with `user` and
    /// password if any. To one only: others may not know its token yet.
    pub async fn connect(&self, user: Option<(&str, &str)>) -> Client {
        let mut options = ConnectOptions::new().with_connect_timeout(Duration::from_secs(5));
        if let Some((user, password)) = user {
            options = options.with_user(user, password);
        }
        let mut scheme = "http";
        if let Some(certificates) = &self.options.tls {
            scheme = "https";
            let tls = TlsOptions::new()
                .domain_name("127.0.0.1")
                .ca_certificate(Certificate::from_pem(certificates.read("ca.pem")))
                .identity(Identity::from_pem(
                    certificates.read("client.pem"),
                    certificates.read("client.key"),
                ));
            options = options.with_tls(tls);
        }
        let runs = |member: &&Member| member.process.is_some() && !member.is_paused.load(Ordering::Relaxed);
        let running = self.members.iter().find(runs).expect("a member that runs");
        let url = format!("{scheme}://127.0.0.1:{}", running.client);
        Client::connect([url], Some(options)).await.expect("the administrator's connection")
    }
}

/// The answer to a GET, as it came.
fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(300))?;
    stream.set_read_timeout(Some(Duration::from_millis(700)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
