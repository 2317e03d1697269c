//! The command line of the reference origin.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use edgecmp_origin::{Location, Options, Server, conformance};
use tokio::signal::unix::{SignalKind, signal};

/// Reference origin service of edgecmp.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Database file, or :memory:.
    #[arg(long, required = true)]
    db: Option<Location>,
    /// How long each read takes, as if the origin were far or busy.
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    read_delay: Duration,
    /// File that gets the port once the origin listens.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// Lets clients inject faults by POST /faults.
    #[arg(long)]
    faults: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check an origin against docs/origin-protocol.md. Writes below keys of its own.
    Conformance {
        /// http://host/items/{key}, or without /{key}. TLS is not built in.
        url: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("edgecmp-origin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if let Some(Command::Conformance { url }) = arguments.command {
        if !url.starts_with("http://") {
            return Err(format!("url {url:?}: must begin with http:// (TLS is not built in)").into());
        }
        let report = conformance::run(&url);
        write!(std::io::stdout(), "{report}")?;
        return Ok(if report.conforms() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let options = Options {
        listen: arguments.listen,
        database: arguments.db.unwrap_or(Location::Memory),
        read_delay: arguments.read_delay,
        faults: arguments.faults,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(options, arguments.port_file))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: Options, port_file: Option<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    // Before the first line of output: whoever reads it may end us at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::bind(&options).await?;
    if let Some(path) = &port_file {
        write_port(path, server.address().port())
            .map_err(|error| format!("port file {}: {error}", path.display()))?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", server.address())?;
    out.flush()?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(end).await;
    Ok(())
}

/// Whole or not at all: a reader that polls never sees half a number.
fn write_port(path: &Path, port: u16) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    std::fs::write(&temporary, format!("{port}\n"))?;
    std::fs::rename(&temporary, path)
}
