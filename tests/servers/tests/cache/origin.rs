//! The reference origin, and a writer that notes what it wrote when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use edgecmp_oracle::{History, HistoryBuilder, Written};
use edgecmp_origin::client::Client;
use edgecmp_origin::{Location, Options, Server};
use tokio::sync::oneshot;

/// Between writes, to keys in turn.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);

/// Nanoseconds on the clock of readers and writer.
pub fn now_ns() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

pub fn key(number: usize) -> String {
    format!("carrier/{number}")
}

pub struct Origin {
    url: String,
    is_over: Arc<AtomicBool>,
    writer: JoinHandle<HistoryBuilder>,
    end: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Origin {
    /// An origin with keys that change all the time.
    pub fn start(keys: usize) -> Self {
        let (send_address, address) = std::sync::mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let options = Options {
                    listen: ([127, 0, 0, 1], 0).into(),
                    database: Location::Memory,
                    read_delay: Duration::from_millis(5),
                    faults: false,
                };
                let server = Server::bind(&options).await.expect("an origin");
                send_address.send(server.address()).expect("somebody waits for it");
                server.run(async { drop(ended.await) }).await;
            });
        });
        let url = format!("http://{}/items", address.recv().expect("an origin that listens"));
        let mut writer = Writer { client: Client::new(&url), history: HistoryBuilder::new(), writes: 0 };
        (0..keys).for_each(|number| writer.write(number));
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let writer = std::thread::spawn(move || {
            // Not one after another, but each as often as the others.
            for number in (0..keys).map(|n| n * 73 % keys).cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                writer.write(number);
                std::thread::sleep(BETWEEN_WRITES);
            }
            writer.history
        });
        Self { url, is_over, writer, end, server }
    }

    /// What `origin` says.
    pub fn url(&self) -> String {
        format!("{}/{{key}}", self.url)
    }

    /// All it was told, once nobody reads any more.
    pub fn end(self) -> History {
        self.is_over.store(true, Ordering::Relaxed);
        let history = self.writer.join().expect("the writer does not panic");
        let _ = self.end.send(());
        self.server.join().expect("the origin does not panic");
        history.finish(now_ns()).expect("versions that grow")
    }
}

struct Writer {
    client: Client,
    history: HistoryBuilder,
    writes: u64,
}

impl Writer {
    fn write(&mut self, number: usize) {
        self.writes += 1;
        let (name, value) = (key(number), format!("{number} written as number {}", self.writes));
        let began_ns = now_ns();
        let reply = self.client.put(name.as_bytes(), value.as_bytes(), &[]).expect("an origin that answers");
        assert!(reply.is_success(), "status {}", reply.status);
        let version = reply.version().expect("a version");
        let (visible_ns, crc) = (now_ns(), crc32fast::hash(value.as_bytes()));
        let key = self.history.key(name.as_bytes());
        self.history.push(key, Written { version, began_ns, visible_ns, crc, deleted: false });
    }
}
