//! The dashboard documents: what the events of one key add up to.
//!
//! A document holds its own sums and counts, as integers, so that it can be folded on after a restart
//! without a second source: what was acknowledged is in it, once.

use serde::{Deserialize, Serialize};

use crate::flight::Flight;

/// Upper edges (inclusive, minutes) of the histogram's buckets; one more bucket takes the rest.
pub const BUCKET_EDGES: [i32; 15] = [-15, -10, -5, 0, 5, 10, 15, 30, 45, 60, 90, 120, 180, 240, 360];
const BUCKETS: usize = BUCKET_EDGES.len() + 1;

/// One dashboard document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    key: String,
    flights: u64,
    cancelled: u64,
    dep_delay: Delays,
    arr_delay: Delays,
    last_event: String,
}

impl Document {
    /// No events yet.
    pub fn new(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    /// The document a value holds, if it is the document of `key`.
    pub fn from_json(key: &str, value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok().filter(|document: &Self| document.key == key)
    }

    /// The value to store.
    pub fn to_json(&self) -> Vec<u8> {
        // Only maps with keys that are no strings fail to serialize; there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Adds one event.
    pub fn fold(&mut self, flight: &Flight) {
        self.flights += 1;
        self.cancelled += u64::from(flight.cancelled);
        self.dep_delay.fold(flight.dep_delay);
        self.arr_delay.fold(flight.arr_delay);
        // The latest in event time: batches may come in any order. RFC 3339 in UTC sorts as text.
        if flight.time > self.last_event {
            self.last_event.clone_from(&flight.time);
        }
    }
}

/// The keys of the documents a flight belongs to.
pub fn keys(flight: &Flight) -> [String; 5] {
    let Flight { month, hour, carrier, origin, dest, .. } = flight;
    [
        format!("carrier/{carrier}"),
        format!("route/{origin}-{dest}"),
        format!("airport/{origin}/hour/{hour:02}"),
        format!("dest/{dest}/hour/{hour:02}"),
        format!("carrier/{carrier}/month/{month:02}"),
    ]
}

/// A distribution of delays in whole minutes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Summary", from = "Summary")]
struct Delays {
    count: u64,
    sum: i64,
    max: Option<i32>,
    over15: u64,
    histogram: [u64; BUCKETS],
}

/// How delays look in JSON: `count`, `sum`, `max`, `over15` and `histogram` are the state, the rest is
/// derived from it for the reader.
#[derive(Serialize, Deserialize)]
struct Summary {
    mean: Option<f64>,
    p50: Option<i32>,
    p90: Option<i32>,
    max: Option<i32>,
    over15: u64,
    sum: i64,
    count: u64,
    histogram: [u64; BUCKETS],
}

impl Delays {
    fn fold(&mut self, delay: Option<i32>) {
        let Some(minutes) = delay else { return };
        self.count += 1;
        self.sum += i64::from(minutes);
        self.max = self.max.max(Some(minutes));
        self.over15 += u64::from(minutes > 15);
        self.histogram[BUCKET_EDGES.partition_point(|&edge| edge < minutes)] += 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "sums of minutes stay far below 2^53")]
    fn mean(&self) -> Option<f64> {
        let mean = self.sum as f64 / self.count as f64;
        (self.count > 0).then(|| (mean * 1000.0).round() / 1000.0)
    }

    /// An upper bound of the quantile: the upper edge of its bucket, and no more than the maximum.
    fn quantile(&self, percent: u64) -> Option<i32> {
        let max = self.max?;
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.histogram.iter().position(|&count| {
            seen += count;
            seen >= rank
        })?;
        Some(BUCKET_EDGES.get(bucket).map_or(max, |&edge| edge.min(max)))
    }
}

impl From<Delays> for Summary {
    fn from(delays: Delays) -> Self {
        Self {
            mean: delays.mean(),
            p50: delays.quantile(50),
            p90: delays.quantile(90),
            max: delays.max,
            over15: delays.over15,
            sum: delays.sum,
            count: delays.count,
            histogram: delays.histogram,
        }
    }
}

impl From<Summary> for Delays {
    fn from(summary: Summary) -> Self {
        let Summary { count, sum, max, over15, histogram, .. } = summary;
        Self { count, sum, max, over15, histogram }
    }
}

#[cfg(test)]
mod tests {
    use super::{Delays, Document};
    use crate::flight::Flight;

    fn flight(dep_delay: Option<i32>, time: &str) -> Flight {
        Flight {
            month: 1,
            hour: 5,
            cancelled: dep_delay.is_none(),
            dep_delay,
            arr_delay: None,
            carrier: "UA".to_owned(),
            origin: "EWR".to_owned(),
            dest: "IAH".to_owned(),
            time: time.to_owned(),
        }
    }

    #[test]
    fn a_document_goes_on_after_a_round_trip() {
        let mut document = Document::new("carrier/UA");
        document.fold(&flight(Some(20), "2013-01-02T05:00:00Z"));
        let mut document = Document::from_json("carrier/UA", &document.to_json()).unwrap();
        document.fold(&flight(Some(-3), "2013-01-01T05:00:00Z"));
        document.fold(&flight(None, "2013-01-01T06:00:00Z"));
        let json: serde_json::Value = serde_json::from_slice(&document.to_json()).unwrap();
        assert_eq!(json["flights"], 3);
        assert_eq!(json["cancelled"], 1);
        assert_eq!(json["dep_delay"]["mean"], 8.5);
        assert_eq!(json["dep_delay"]["max"], 20);
        assert_eq!(json["dep_delay"]["over15"], 1);
        assert!(json["arr_delay"]["mean"].is_null());
        assert_eq!(json["last_event"], "2013-01-02T05:00:00Z");
    }

    #[test]
    fn a_foreign_value_is_no_document() {
        for value in [&b"{}"[..], b"", b"[1]", b"{\"key\":\"carrier/AA\"}"] {
            assert!(Document::from_json("carrier/UA", value).is_none());
        }
        let other = Document::new("carrier/AA").to_json();
        assert!(Document::from_json("carrier/UA", &other).is_none());
    }

    #[test]
    fn quantiles_are_upper_bounds() {
        let mut delays = Delays::default();
        for minutes in 1..=100 {
            delays.fold(Some(minutes));
        }
        assert_eq!(delays.quantile(50), Some(60));
        assert_eq!(delays.quantile(90), Some(90));
        delays.fold(Some(1000));
        assert_eq!(delays.quantile(100), Some(1000));
    }
}
