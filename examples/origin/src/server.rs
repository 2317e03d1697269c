//! From options to a running service, and its graceful end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use crate::database::{Location, OpenError, Recovered};
use crate::faults::{CloseConnection, Faults};
use crate::history::HistoryReader;
use crate::http::{self, App};
use crate::metrics::Metrics;
use crate::state::State;
use crate::writer::Writer;

/// How long open requests may take once the end has come.
const DRAIN: Duration = Duration::from_secs(5);

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// Where the data lives.
    pub database: Location,
    /// How long a read takes.
    pub read_delay: Duration,
    /// Whether clients may inject faults.
    pub faults: bool,
}

/// Why the origin does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Of the database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Of the address.
    #[error("listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Of the writer's thread.
    #[error("start the writer: {0}")]
    Thread(std::io::Error),
}

/// A recovered origin that listens, and accepts once [`Server::run`] is called.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    writer: JoinHandle<()>,
}

impl Server {
    /// Recovers the database, then listens.
    pub async fn bind(options: &Options) -> Result<Self, StartError> {
        let Recovered { database, read, items, path } = Recovered::open(&options.database)?;
        let listen_error = |error| StartError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let state = Arc::new(State::new(items, options.faults));
        let metrics = Metrics::new(path);
        let history = HistoryReader::new(read);
        let (writer, thread) =
            Writer::start(database, Arc::clone(&state), Arc::clone(&metrics)).map_err(StartError::Thread)?;
        let router = http::router(Arc::new(App {
            state,
            writer,
            history,
            metrics,
            read_delay: options.read_delay,
            faults: options.faults.then(Faults::default),
        }));
        Ok(Self { listener, address, router, writer: thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end` comes; then lets open requests finish and closes the database.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let connections = GracefulShutdown::new();
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => serve(stream, self.router.clone(), &connections),
                    Err(error) => {
                        // Out of descriptors: some will be free soon.
                        eprintln!("edgecmp-origin: accept: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
            eprintln!("edgecmp-origin: requests were still open after {DRAIN:?}");
        }
        // The last sender of the writer's queue goes with the last connection. The writer's end
        // records what is open; if it cannot be waited for, recovery at the next start does it.
        drop(self.router);
        let ended = tokio::task::spawn_blocking(|| self.writer.join());
        if !matches!(tokio::time::timeout(DRAIN, ended).await, Ok(Ok(Ok(())))) {
            eprintln!("edgecmp-origin: the writer did not end in order");
        }
    }
}

/// Not `axum::serve`: its services cannot fail, and a service that fails is how a connection is closed
/// without an answer.
fn serve(stream: TcpStream, router: Router, connections: &GracefulShutdown) {
    // Small answers must not wait for acknowledgements; if it fails they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    // An error here is the client's: it went away, or it does not speak HTTP.
    tokio::spawn(async move { drop(connection.await) });
}

async fn answer(mut router: Router, request: Request<Incoming>) -> std::io::Result<Response> {
    // `Router::poll_ready` is always ready.
    let answered: Result<Response, Infallible> = router.call(request.map(Body::new)).await;
    let Ok(response) = answered;
    if response.extensions().get::<CloseConnection>().is_some() {
        return Err(std::io::Error::other("closed without an answer, as asked"));
    }
    Ok(response)
}
