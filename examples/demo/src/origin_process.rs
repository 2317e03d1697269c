//! The reference origin as a process that can be killed and started again on its database.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::Guarded;
use crate::failure::{Doing, Failure};
use crate::origin_client::OriginClient;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Below the range from which the kernel takes ports for outgoing connections: while the origin is
/// down its clients knock all the time, and one of them could be given the origin's own port.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

#[derive(Debug)]
pub struct OriginProcess {
    program: PathBuf,
    directory: PathBuf,
    port: u16,
    process: Option<Guarded>,
    starts: u32,
}

impl OriginProcess {
    /// Prepares an origin whose database and logs are in `directory`, without starting it.
    pub fn new(program: &Path, directory: &Path) -> Result<Self, Failure> {
        if !program.is_file() {
            let program = program.display();
            return Err(Failure::new(format!("{program} is missing: build edgecmp-origin first")));
        }
        let first = PORTS.start + (std::process::id() % u32::from(PORTS.end - PORTS.start)) as u16;
        let mut ports = (first..PORTS.end).chain(PORTS.start..first);
        let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = free.ok_or_else(|| Failure::new("no free port for the origin"))?;
        Ok(Self {
            program: program.to_owned(),
            directory: directory.to_owned(),
            port,
            process: None,
            starts: 0,
        })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, on the database that is there; returns when it serves.
    pub fn start(&mut self) -> Result<(), Failure> {
        self.starts += 1;
        let mut command = Command::new(&self.program);
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port));
        command.arg("--db").arg(self.directory.join("origin.db"));
        let stderr = self.directory.join(format!("origin-{}.stderr", self.starts));
        let mut process = Guarded::spawn("origin", command, &stderr).doing("starting the origin")?;
        let client = OriginClient::new(&self.url(), Duration::from_secs(1));
        let deadline = Instant::now() + START_TIMEOUT;
        while !client.is_healthy() {
            let ended = process.ended().doing("waiting for the origin")?;
            if ended.is_some() || Instant::now() > deadline {
                let state = ended.map_or_else(|| "does not answer".into(), |status| status.to_string());
                return Err(Failure::new(format!("the origin {state}: {}", process.last_words())));
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
        Ok(())
    }

    /// SIGKILL in the midst of whatever it does.
    pub fn kill(&mut self) -> Result<(), Failure> {
        match self.process.take() {
            Some(mut process) => process.kill().doing("killing the origin"),
            None => Ok(()),
        }
    }

    /// What it said, if it ended without being told to.
    pub fn died(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let status = process.ended().ok().flatten()?;
        Some(format!("the origin ended by itself ({status}): {}", process.last_words()))
    }
}
