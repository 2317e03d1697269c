//! An origin whose answers are old when they are given, and that says so (`Age`).

use super::*;
use crate::engine::runtime::Runtime;
use crate::env::BoxFuture;
use crate::facts::trace::TraceContext;
use crate::origin::{self, Validator, Write, Written};

type Outcome = BoxFuture<'static, origin::OriginResult<Written>>;

/// Answers one fetch after another with a version and its age, the last for ever,
/// and one write after another. Fillers are large, and never old.
struct LaggingOrigin {
    asked: AtomicU64,
    answers: Vec<(u128, Duration)>,
    writes: std::sync::Mutex<std::vec::IntoIter<Outcome>>,
}

impl Origin for LaggingOrigin {
    fn fetch(&self, asked: origin::Fetch) -> BoxFuture<'static, origin::OriginResult<origin::Answer>> {
        if asked.key.as_bytes().starts_with(b"filler") {
            let validator = Validator::Version(Version::new(1), None);
            let (last_modified_at, age, limits) = (None, Duration::ZERO, Limits::default());
            let value = Bytes::from(vec![0; 1_000]);
            let filler = origin::Answer::Value { value, validator, last_modified_at, age, limits };
            return Box::pin(std::future::ready(Ok(filler)));
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) as usize;
        let (version, age) = self.answers[asked.min(self.answers.len() - 1)];
        Box::pin(std::future::ready(Ok(origin::Answer::Value {
            value: Bytes::from(version.to_string()),
            validator: Validator::Version(Version::new(version), None),
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

    fn write(&self, _: Write) -> BoxFuture<'static, origin::OriginResult<Written>> {
        self.writes.lock().unwrap().next().expect("no more writes than that")
    }
}

fn lagging(bound: &str, answers: Vec<(u128, Duration)>) -> Cache {
    over(options(bound), answers, Vec::new())
}

fn over(options: Options, answers: Vec<(u128, Duration)>, writes: Vec<Outcome>) -> Cache {
    let env: Arc<dyn Env> = Arc::new(Runtime::new(1));
    let leases = crate::lease_store::open(&Options::default(), &env).unwrap();
    let writes = std::sync::Mutex::new(writes.into_iter());
    let origin = Arc::new(LaggingOrigin { asked: AtomicU64::new(0), answers, writes });
    Cache::open_with_parts(options, Parts { env, origin, leases }).unwrap()
}

/// The origin has committed a write as this version, or as one that it doesn't name.
fn committed(version: Option<u128>) -> Outcome {
    let validator =
        version.map_or(Validator::None, |version| Validator::Version(Version::new(version), None));
    Box::pin(std::future::ready(Ok(Written { validator, last_modified_at: None })))
}

fn set(cache: &Cache, key: &[u8]) {
    cache.set(key, b"mine", &WriteOptions::default()).unwrap();
}

/// Reads until there is an answer: not for long, and meanwhile only `TOO_STALE`.
fn in_time(cache: &Cache, key: &[u8]) -> Version {
    for _ in 0..10_000 {
        match cache.get(key, &read()) {
            Ok(value) => return value.receipt().version,
            Err(error) => assert_eq!(error.code(), Code::TooStale, "{error}"),
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("no answer in ten seconds");
}

const LONG: Duration = Duration::from_secs(10);

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

/// G3, where nobody knows what became of another write: the acknowledged one
/// can't be kept, and what the origin answers then is from before it.
#[test]
fn a_write_that_was_not_kept_is_read_back_or_nothing_is() {
    let (acknowledge, acknowledged) = tokio::sync::oneshot::channel::<()>();
    let first: Outcome = Box::pin(async {
        let _ = acknowledged.await;
        committed(Some(2)).await
    });
    let lost: Outcome = Box::pin(std::future::ready(Err(origin::OriginError::lost("nobody heard"))));
    let answers = vec![(1, LONG), (1, LONG), (1, LONG), (2, Duration::ZERO)];
    let cache = over(options("1m"), answers, vec![first, lost]);
    let mut first = cache.start_set(b"k", b"mine", &WriteOptions::default()).unwrap();
    assert!(first.wait_for(Duration::ZERO).is_none());
    let error = cache.set(b"k", b"lost", &WriteOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::UnknownOutcome);
    acknowledge.send(()).unwrap();
    assert_eq!(first.wait().unwrap().version, Version::new(2));
    // Nothing is cached: what is there has no proof after the other write.
    assert!(cache.lookup(b"k", &read()).unwrap().is_none());
    // Nor may it be degraded: version 1 is from before the write.
    let degraded = ReadOptions { outage_bound: Some(Duration::from_secs(3600)), ..read() };
    assert_eq!(cache.get(b"k", &degraded).unwrap_err().code(), Code::TooStale);
    assert!(cache.lookup(b"k", &degraded).unwrap().is_none());
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(2));
}

/// G3, after what was written has left the cache.
#[test]
fn a_write_that_has_left_is_read_back_or_nothing_is() {
    type Leave = fn(&Cache);
    let leave: [(&str, Leave); 3] = [
        ("invalidated", |cache| cache.invalidate(b"k").unwrap()),
        ("evicted", |cache| {
            for n in 0..1_000 {
                cache.get(format!("filler {n}").as_bytes(), &read()).unwrap();
            }
        }),
        ("never kept", |_| {}),
    ];
    for (how, leave) in leave {
        let version = (how != "never kept").then_some(2);
        let answers = vec![(1, LONG), (1, LONG), (1, LONG), (2, Duration::ZERO)];
        let mut options = options("1m");
        options.set("capacity", "256KiB").unwrap();
        let cache = over(options, answers, vec![committed(version)]);
        set(&cache, b"k");
        leave(&cache);
        assert!(cache.lookup(b"k", &read()).unwrap().is_none(), "{how}");
        assert_eq!(cache.get(b"k", &read()).unwrap_err().code(), Code::TooStale, "{how}");
        assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(2), "{how}");
    }
}

/// An origin that always lags is read all the same, also after writes.
#[test]
fn an_origin_that_always_lags_stays_readable() {
    let lag = Duration::from_millis(300);
    let writes = vec![committed(Some(2)), committed(Some(2)), committed(None)];
    let cache = over(options("1m"), vec![(2, lag)], writes);
    assert_eq!(cache.get(b"other", &read()).unwrap().receipt().version, Version::new(2));
    // What was written is a hit at once.
    set(&cache, b"k");
    assert_eq!(
        cache.lookup(b"k", &read()).unwrap().expect("just written").receipt().version,
        Version::new(2)
    );
    // Where it is not cached, it is once the origin's answers are from after it.
    cache.invalidate(b"k").unwrap();
    assert_eq!(in_time(&cache, b"k"), Version::new(2));
    set(&cache, b"k");
    set(&cache, b"unnamed");
    assert_eq!(in_time(&cache, b"unnamed"), Version::new(2));
    // Others were never in doubt, nor is what is cached.
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(2));
    assert!(cache.statistics().unwrap().stale_answers_dropped > 0);
}
