//! Many cold keys at once, and many reads of one.

use std::sync::Barrier;

use edgecmp_faulty_origin::value;

use super::*;

const PAUSE: Duration = Duration::from_millis(50);
const MANY: usize = 1000;
const THREADS: usize = 64;

fn patient(server: &Server) -> Cache {
    let patient = [
        ("staleness_bound", "60s"),
        ("outage_bound", "0s"),
        ("read_timeout", "60s"),
        ("origin_timeout", "60s"),
    ];
    open(server, &patient)
}

fn all(server: &Server) -> usize {
    let now = Instant::now();
    server.requests(now - Duration::from_secs(600), now)
}

#[test]
fn ten_thousand_reads_of_one_cold_key_are_one_request() {
    let server = Server::start(1, PAUSE);
    let cache = patient(&server);
    let name = key(0);
    let waiting: Vec<_> = (0..10_000)
        .map(|_| {
            let started = cache.start_get(name.as_bytes(), &ReadOptions::default()).unwrap();
            match started {
                edgecmp::Started::Pending(mut pending) => pending.wait_for(Duration::ZERO).ok_or(pending),
                edgecmp::Started::Ready(value) => Ok(Ok(value)),
            }
        })
        .collect();
    for read in waiting {
        let answer = read.unwrap_or_else(edgecmp::Pending::wait).unwrap();
        assert_eq!(answer.bytes(), Some(value(0, 1).as_bytes()));
    }
    assert_eq!((all(&server), server.keys_asked()), (1, 1));
}

/// `read` reads these keys, those of one thread.
fn cold(name: &str, read: impl Fn(&Cache, &[usize]) -> Vec<edgecmp::Value> + Sync) {
    let server = Server::start(MANY, PAUSE);
    let cache = patient(&server);
    let keys: Vec<_> = (0..MANY).collect();
    let together = Barrier::new(THREADS);
    let began = Instant::now();
    thread::scope(|scope| {
        for share in keys.chunks(MANY.div_ceil(THREADS)) {
            scope.spawn(|| {
                together.wait();
                for (index, answer) in share.iter().zip(read(&cache, share)) {
                    assert_eq!(answer.bytes(), Some(value(*index, 1).as_bytes()));
                }
            });
        }
        // Sixty-three threads are enough for all keys.
        (keys.chunks(MANY.div_ceil(THREADS)).count()..THREADS).for_each(|_| {
            scope.spawn(|| together.wait());
        });
    });
    println!(
        "{name}: {MANY} cold keys by {THREADS} threads: {} requests, {} keys, {} ms",
        all(&server),
        server.keys_asked(),
        began.elapsed().as_millis()
    );
    assert_eq!(server.keys_asked(), MANY);
    assert!(all(&server) <= 64, "{}", all(&server));
}

#[test]
fn a_thousand_cold_keys_by_single_reads_are_few_requests() {
    cold("get", |cache, keys| {
        let get = |index| cache.get(key(index).as_bytes(), &ReadOptions::default()).unwrap();
        keys.iter().copied().map(get).collect()
    });
}

#[test]
fn a_thousand_cold_keys_by_reads_of_many_are_few_requests() {
    cold("get_many", |cache, keys| {
        let names: Vec<_> = keys.iter().copied().map(key).collect();
        let answers = cache.get_many(&names, &ReadOptions::default()).unwrap();
        assert_eq!(answers.len(), keys.len());
        answers.into_iter().map(Result::unwrap).collect()
    });
}
