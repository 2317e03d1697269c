//! When etcd itself did nothing for anybody: what elections take is etcd's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use edgecmp_faulty_origin::nanos;
use edgecmp_servers::EtcdCluster;
use etcd_client::Client;

use crate::gaps::Gap;

const PERIOD: Duration = Duration::from_millis(20);
const TIMEOUT: Duration = Duration::from_millis(200);

/// Less than that is between two writes of a member that is well.
const AWAY: u64 = 100_000_000;

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    /// The last answer of any member, and the times in which there was none.
    seen: Mutex<(u64, Vec<Gap>)>,
}

impl Shared {
    fn answered(&self) {
        let now = nanos();
        let (last, away) = &mut *self.seen.lock().expect("nothing panics in it");
        if now.saturating_sub(*last) > AWAY {
            away.push(Gap { from: *last, to: now });
        }
        *last = now.max(*last);
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
        *self.shared.seen.lock().expect("nothing panics in it") = (nanos(), Vec::new());
    }

    /// The times since then in which no member took a write.
    pub fn away(&self) -> Vec<Gap> {
        self.shared.seen.lock().expect("nothing panics in it").1.clone()
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
