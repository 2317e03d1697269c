//! An origin whose answers are old when they are given, and that says so (`Age`).

use super::*;
use crate::engine::runtime::Runtime;
use crate::env::BoxFuture;
use crate::facts::trace::TraceContext;
use crate::origin::{self, Write};

/// Answers one fetch after another with a version and its age, the last for ever.
struct LaggingOrigin {
    asked: AtomicU64,
    answers: Vec<(u128, Duration)>,
}

impl Origin for LaggingOrigin {
    fn fetch(&self, _: origin::Fetch) -> BoxFuture<'static, origin::OriginResult<origin::Answer>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) as usize;
        let (version, age) = self.answers[asked.min(self.answers.len() - 1)];
        Box::pin(std::future::ready(Ok(origin::Answer::Value {
            value: Bytes::from(version.to_string()),
            validator: origin::Validator::Version(Version::new(version), None),
            last_modified_at: None,
            age,
            limits: Limits::default(),
        })))
    }

    fn compare(
        &self,
        _: Vec<(Key, Option<origin::Known>)>,
        _: Duration,
        _: Option<TraceContext>,
    ) -> BoxFuture<'static, origin::OriginResult<Option<Vec<origin::OriginResult<origin::Answer>>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn write(&self, _: Write) -> BoxFuture<'static, origin::OriginResult<origin::Written>> {
        Box::pin(std::future::ready(Err(origin::OriginError::not_sent("read-only"))))
    }
}

fn lagging(bound: &str, answers: Vec<(u128, Duration)>) -> Cache {
    let env: Arc<dyn Env> = Arc::new(Runtime::new(1));
    let leases = crate::lease_store::open(&Options::default(), &env).unwrap();
    let origin = Arc::new(LaggingOrigin { asked: AtomicU64::new(0), answers });
    Cache::open_with_parts(options(bound), Parts { env, origin, leases }).unwrap()
}

/// G2: an answer that was old already is no sign that the origin went back.
#[test]
fn an_aged_answer_does_not_go_back() {
    let cache = lagging("1ms", vec![(2, Duration::ZERO), (1, Duration::from_secs(10))]);
    let widened = ReadOptions { staleness_bound: Some(Duration::from_secs(60)), widen: true, ..read() };
    assert_eq!(cache.get(b"k", &widened).unwrap().receipt().version, Version::new(2));
    thread::sleep(Duration::from_millis(5));
    assert_eq!(cache.get(b"k", &read()).unwrap_err().code(), Code::TooStale);
    assert_eq!(cache.get(b"k", &widened).unwrap().receipt().version, Version::new(2));
    assert_eq!(cache.statistics().unwrap().version_regressions, 0);
}

/// G1, G8: of an answer that is older than the machine is up no clock tells the age.
#[test]
fn an_answer_from_before_the_clock_began_is_neither_fresh_nor_degraded() {
    const DAY: Duration = Duration::from_secs(86_400);
    let cache = lagging("364d", vec![(1, 1_000 * DAY)]);
    for outage in [None, Some(365 * DAY)] {
        let read = ReadOptions { outage_bound: outage, ..read() };
        let error = cache.get(b"k", &read).unwrap_err();
        assert_eq!(error.code(), Code::TooStale, "{outage:?}: {error}");
        assert!(cache.lookup(b"k", &read).unwrap().is_none(), "{outage:?}");
    }
    // Nothing overtook it: three flights a read at the most, each of one request.
    assert!(cache.statistics().unwrap().origin_requests <= 6);
}
