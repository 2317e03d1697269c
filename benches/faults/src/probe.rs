//! How long etcd itself did nothing for anybody: what elections take is etcd's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use edgecmp_faulty_origin::nanos;
use edgecmp_servers::EtcdCluster;
use etcd_client::Client;

const PERIOD: Duration = Duration::from_millis(20);
const TIMEOUT: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    last: AtomicU64,
    longest: AtomicU64,
}

impl Shared {
    fn answered(&self) {
        let now = nanos();
        let last = self.last.fetch_max(now, Ordering::Relaxed);
        self.longest.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
    }
}

/// Writes to each member all the time.
pub struct Probe {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Probe {
    pub fn start(cluster: &EtcdCluster) -> Self {
        let shared = Arc::<Shared>::default();
        let threads = (0..cluster.len()).map(|index| {
            let (shared, port) = (Arc::clone(&shared), cluster.port(index));
            std::thread::spawn(move || ask(&shared, port))
        });
        Self { threads: threads.collect(), shared }
    }

    pub fn reset(&self) {
        self.shared.last.store(nanos(), Ordering::Relaxed);
        self.shared.longest.store(0, Ordering::Relaxed);
    }

    /// The longest time in which no member took a write, in seconds.
    pub fn longest(&self) -> f64 {
        self.shared.longest.load(Ordering::Relaxed) as f64 / 1e9
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn ask(shared: &Shared, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        while !shared.is_over.load(Ordering::Relaxed) {
            let connecting = Client::connect([format!("http://127.0.0.1:{port}")], None);
            let Ok(Ok(mut client)) = tokio::time::timeout(TIMEOUT, connecting).await else {
                tokio::time::sleep(PERIOD).await;
                continue;
            };
            while !shared.is_over.load(Ordering::Relaxed) {
                let put = tokio::time::timeout(TIMEOUT, client.put("probe", "", None)).await;
                if !matches!(put, Ok(Ok(_))) {
                    tokio::time::sleep(PERIOD).await;
                    break;
                }
                shared.answered();
                tokio::time::sleep(PERIOD).await;
            }
        }
    });
}
