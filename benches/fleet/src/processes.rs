//! The processes of a run: the reference origin, etcd, the nodes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use edgecmp_demo::child::Guarded;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_demo::origin_client::{OriginClient, counter_sum};

const START: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(10);

/// This program, as another process.
pub fn own(words: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe().doing("finding this program")?);
    command.args(words);
    Ok(command)
}

/// A port that nobody listens on, outside of the range for outgoing connections.
fn free_port() -> Result<u16, Failure> {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut ports = (first..30_000).chain(20_000..first);
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| Failure::new("no free port"))
}

fn wait_for(process: &mut Guarded, mut ready: impl FnMut() -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + START;
    while !ready() {
        if process.ended().doing("waiting")?.is_some() || Instant::now() > deadline {
            return Err(Failure::new(format!(
                "{} does not answer: {}",
                process.name(),
                process.last_words()
            )));
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// The reference origin.
pub struct Origin {
    pub client: OriginClient,
    _process: Guarded,
}

/// What the origin counted of reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub requests: u64,
    pub keys: u64,
}

impl Origin {
    pub fn start(directory: &Path, delay: Duration) -> Result<Self, Failure> {
        let port = free_port()?;
        let (port, delay) = (port.to_string(), delay.as_millis().to_string());
        let command = own(&["origin", "--port", &port, "--delay-ms", &delay])?;
        let spawned = Guarded::spawn("origin", command, &directory.join("origin.stderr"));
        let mut process = spawned.doing("starting the origin")?;
        let client = OriginClient::new(&format!("http://127.0.0.1:{port}"), Duration::from_secs(30));
        wait_for(&mut process, || client.is_healthy())?;
        Ok(Self { client, _process: process })
    }

    pub fn asked(&self) -> Result<Asked, Failure> {
        let metrics = self.client.metrics()?;
        let read = |labels: &str| {
            let get = labels.contains("method=\"GET\"") && labels.contains("\"/items/");
            get || labels.contains("\"/items/compare\"")
        };
        Ok(Asked {
            requests: counter_sum(&metrics, "origin_requests_total", read),
            keys: counter_sum(&metrics, "origin_keys_asked_total", |_| true),
        })
    }
}

/// The child process of [`Origin::start`].
pub fn serve(port: u16, delay: Duration) -> Result<(), Failure> {
    let options = edgecmp_origin::Options {
        listen: ([127, 0, 0, 1], port).into(),
        database: edgecmp_origin::Location::Memory,
        read_delay: delay,
        faults: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.doing("the runtime")?.block_on(async {
        let server = edgecmp_origin::Server::bind(&options).await.doing("the origin")?;
        server.run(std::future::pending()).await;
        Ok(())
    })
}

/// One member of etcd, with nothing in it. Its data is lost with the machine:
/// leases are of no use after it.
pub struct Etcd {
    pub address: String,
    _process: Guarded,
}

impl Etcd {
    pub fn start(program: &Path, directory: &Path) -> Result<Self, Failure> {
        let port = free_port()?;
        let peer = (port + 1..30_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let peer = format!("http://127.0.0.1:{}", peer.ok_or_else(|| Failure::new("no free port"))?);
        let address = format!("127.0.0.1:{port}");
        let client = format!("http://{address}");
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(directory.join("etcd")).arg("--unsafe-no-fsync");
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"]);
        let spawned = Guarded::spawn("etcd", command, &directory.join("etcd.stderr"));
        let mut process = spawned.doing("starting etcd")?;
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(1))).build().into();
        wait_for(&mut process, || agent.get(format!("{client}/health")).call().is_ok())?;
        Ok(Self { address, _process: process })
    }

    /// The server that `make bench-fleet` has built.
    pub fn program(root: &Path) -> Result<PathBuf, Failure> {
        let named = std::env::var_os("EDGECMP_ETCD").map(PathBuf::from);
        let program = named.unwrap_or_else(|| root.join("target/etcd"));
        if program.is_file() {
            return Ok(program);
        }
        let program = program.display();
        Err(Failure::new(format!(
            "{program} is missing: cd tests/etcd && go build -o ../../target/etcd . (or name one by EDGECMP_ETCD)"
        )))
    }
}
