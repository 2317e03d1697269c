//! What `/metrics` says, in Prometheus text.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::item::Item;

/// Labels of `origin_requests`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `GET`, ...
    pub method: String,
    /// The route, not the path: the number of labels stays bounded.
    pub endpoint: String,
    /// HTTP status.
    pub status: u16,
}

/// One label that says what kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabel {
    /// Which.
    pub kind: &'static str,
}

type KindCounter = Family<KindLabel, Counter>;
type IntGauge = Gauge<u64, AtomicU64>;

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests by method, endpoint and status.
    pub requests: Family<RequestLabels, Counter>,
    /// Keys asked for, by `get` or `compare`.
    pub keys_asked: KindCounter,
    /// Rows of compare answers by status.
    pub compare_rows: KindCounter,
    /// Requests answered 503 because the writer was behind.
    pub refused: Counter,
    writes: KindCounter,
    events: Counter,
    commit_seconds: Histogram,
    commit_writes: Histogram,
    keys: IntGauge,
    database_bytes: IntGauge,
    database: Option<PathBuf>,
}

impl Metrics {
    /// `database`: the file whose size is reported.
    pub fn new(database: Option<PathBuf>) -> Arc<Self> {
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            keys_asked: Family::default(),
            compare_rows: Family::default(),
            refused: Counter::default(),
            writes: Family::default(),
            events: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
            commit_writes: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            keys: Gauge::default(),
            database_bytes: Gauge::default(),
            database,
        };
        Arc::new(metrics.registered())
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("origin_requests", "Requests answered", self.requests.clone());
        registry.register("origin_keys_asked", "Keys asked for", self.keys_asked.clone());
        registry.register("origin_compare_rows", "Compare rows answered", self.compare_rows.clone());
        registry.register("origin_refused", "Requests refused, queue full", self.refused.clone());
        registry.register("origin_writes", "Versions written", self.writes.clone());
        registry.register("origin_events", "Events folded", self.events.clone());
        registry.register(
            "origin_commit_seconds",
            "Duration of transactions, from begin to visible",
            self.commit_seconds.clone(),
        );
        registry.register(
            "origin_commit_requests",
            "Write requests in one transaction",
            self.commit_writes.clone(),
        );
        registry.register("origin_keys", "Keys held, tombstones included", self.keys.clone());
        registry.register("origin_database_bytes", "Database and WAL", self.database_bytes.clone());
        self
    }

    /// A transaction ended.
    #[expect(clippy::cast_precision_loss, reason = "a histogram needs no more precision")]
    pub fn observe_commit(&self, nanoseconds: u64, requests: usize) {
        self.commit_seconds.observe(nanoseconds as f64 / 1e9);
        self.commit_writes.observe(requests as f64);
    }

    /// Versions became visible.
    pub fn observe_writes(&self, items: &[(Bytes, Item)], events: u64) {
        let deletes = items.iter().filter(|(_, item)| item.value.is_none()).count() as u64;
        self.count(&self.writes, "delete", deletes);
        self.count(&self.writes, "value", items.len() as u64 - deletes);
        self.events.inc_by(events);
    }

    /// Adds to a counter by kind.
    pub fn count(&self, counter: &KindCounter, kind: &'static str, by: u64) {
        if by > 0 {
            counter.get_or_create(&KindLabel { kind }).inc_by(by);
        }
    }

    /// The text; `keys`: how many the state holds.
    pub fn text(&self, keys: usize) -> String {
        self.keys.set(keys as u64);
        if let Some(path) = &self.database {
            let mut wal = path.clone().into_os_string();
            wal.push("-wal");
            let sizes = [path.clone(), PathBuf::from(wal)].map(std::fs::metadata);
            self.database_bytes.set(sizes.iter().flatten().map(std::fs::Metadata::len).sum());
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
