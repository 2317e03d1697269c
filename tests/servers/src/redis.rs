//! A Redis server.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Client, Value};

use crate::certificates::Certificates;
use crate::process::{Process, free_port};

/// How it is started.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Its password, empty for none.
    pub password: String,
    /// Clients come with TLS, and show a certificate.
    pub tls: Option<Arc<Certificates>>,
}

/// A server. What it knows it forgets with its end.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    /// For the administrator, if the other one speaks TLS.
    plain: u16,
    options: RedisOptions,
    directory: tempfile::TempDir,
}

impl Redis {
    /// A server that answers.
    pub fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    /// The same with options.
    pub fn start_with(options: RedisOptions) -> Self {
        let port = free_port();
        let plain = if options.tls.is_some() { free_port() } else { port };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut redis = Self { process: None, port, plain, options, directory };
        redis.launch();
        redis.wait_healthy();
        redis
    }

    fn launch(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.plain.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.directory.path());
        if !self.options.password.is_empty() {
            command.args(["--requirepass", &self.options.password]);
        }
        if let Some(certificates) = &self.options.tls {
            command.args(["--tls-port", &self.port.to_string(), "--tls-auth-clients", "yes"]);
            command.arg("--tls-ca-cert-file").arg(certificates.path("ca.pem"));
            command.arg("--tls-cert-file").arg(certificates.path("server.pem"));
            command.arg("--tls-key-file").arg(certificates.path("server.key"));
        }
        let process = Process::start(&mut command, &self.directory.path().join("log"));
        self.process = Some(process.expect("redis-server starts: `make setup` installs it"));
    }

    /// Waits until it answers.
    pub fn wait_healthy(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.try_admin(&self.options.password, &["PING"]).is_err() {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "redis-server does not answer:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn try_admin(&self, password: &str, command: &[&str]) -> redis::RedisResult<Value> {
        let who = if password.is_empty() { String::new() } else { format!(":{password}@") };
        let client = Client::open(format!("redis://{who}127.0.0.1:{}", self.plain))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1))?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut cmd = redis::cmd(command[0]);
        for argument in &command[1..] {
            cmd.arg(argument);
        }
        cmd.query(&mut connection)
    }

    /// What the server answers to a command of somebody with this password.
    pub fn admin_as(&self, password: &str, command: &[&str]) -> Value {
        self.try_admin(password, command).expect("Redis does what its administrator says")
    }

    /// The same with the password that the server was started with.
    pub fn admin(&self, command: &[&str]) -> Value {
        self.admin_as(&self.options.password, command)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `lease_store` says.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port and with nothing in it; does not wait.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs");
        self.launch();
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a server that runs")
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process().signal(libc::SIGCONT);
    }
}
