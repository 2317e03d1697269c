//! What every lease store does, whichever it is.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use edgecmp::lease_store::Lease;
use edgecmp_servers::{Certificates, EtcdCluster, EtcdOptions, Node, Redis, RedisOptions, poll};

/// Longer than a test.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(400);

/// How much later than its ttl a lease may lapse at the most.
struct Lateness {
    /// The holder runs.
    alive: Duration,
    /// The holder is gone.
    gone: Duration,
}

/// What a busy machine adds.
const SLACK: Duration = Duration::from_millis(1500);

fn conforms(settings: &[(&str, &str)], late: &Lateness) {
    let (a, b) = (Node::open(settings).ready(), Node::open(settings).ready());
    numbers(&a, &b);
    exclude_each_other(&a, &b);
    many_keys_in_one_call(&a, &b);
    long_keys(&a, &b);
    lapse(&a, &b, late);
    late_holders_change_nothing(&a, &b);
    extend(&a, &b, late);
    a_node_that_ends(a, &b, late);
}

/// One after another, whoever asks.
fn numbers(a: &Node, b: &Node) {
    let first = a.number();
    assert_eq!([b.number(), a.number(), b.number()], [first + 1, first + 2, first + 3]);
}

fn exclude_each_other(a: &Node, b: &Node) {
    let held = a.acquire(&["one", "two"], LONG);
    assert!(held.iter().all(Option::is_some), "{held:?}");
    let asked = b.acquire(&["two", "three", "one"], LONG);
    assert_eq!(asked.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert!(a.acquire_one("one", LONG).is_none(), "not twice by the same node either");
    let held: Vec<Lease> = held.into_iter().flatten().collect();
    a.release(&held[..1]);
    let won = b.acquire(&["one", "two"], LONG);
    assert_eq!(won.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    a.release(&held[1..]);
    b.release(&asked.into_iter().chain(won).flatten().collect::<Vec<_>>());
    assert!(a.acquire(&["one", "two", "three"], LONG).iter().all(Option::is_some));
}

/// More than fits into one request to etcd.
fn long_keys(a: &Node, b: &Node) {
    let keys: Vec<_> = (0..40).map(|number| format!("{number}{}", "x".repeat(60_000))).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let all: Vec<_> = a.acquire(&keys, LONG).into_iter().flatten().collect();
    assert_eq!(all.len(), keys.len());
    assert!(b.acquire(&keys, LONG).iter().all(Option::is_none));
    assert!(a.extend(&all, LONG).iter().all(|ours| *ours));
    a.release(&all);
    assert!(b.acquire_one(keys[39], LONG).is_some(), "given back");
}

fn many_keys_in_one_call(a: &Node, b: &Node) {
    let keys: Vec<_> = (0..500).map(|number| format!("many/{number}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let all = a.acquire(&keys, LONG);
    for (key, lease) in keys.iter().zip(&all) {
        let lease = lease.as_ref().unwrap_or_else(|| panic!("{key} is free"));
        assert_eq!(lease.key.as_bytes(), key.as_bytes());
    }
    assert!(b.acquire(&keys, LONG).iter().all(Option::is_none));
    let all: Vec<_> = all.into_iter().flatten().collect();
    assert_eq!(a.extend(&all, LONG), vec![true; 500]);
    a.release(&all);
    assert_eq!(b.acquire(&keys, LONG).iter().flatten().count(), 500);
    assert!(a.acquire(&[], LONG).is_empty(), "none is a number of keys too");
    a.release(&[]);
    assert!(a.extend(&[], LONG).is_empty());
}

fn lapse(a: &Node, b: &Node, late: &Lateness) {
    let won_at = Instant::now();
    a.acquire_one("lapse", SHORT).expect("free");
    poll("a lease lapses", SHORT + late.alive + SLACK, || b.acquire_one("lapse", LONG).is_some());
    // The server's clock need not begin before its answer is here, but its timers may round.
    assert!(won_at.elapsed() >= SHORT - Duration::from_millis(10), "{:?}", won_at.elapsed());
}

fn late_holders_change_nothing(a: &Node, b: &Node) {
    let late = a.acquire_one("late", SHORT).expect("free");
    let mut next = None;
    poll("a lease lapses", Duration::from_secs(5), || {
        next = b.acquire_one("late", LONG);
        next.is_some()
    });
    let next = next.expect("was won");
    a.release(std::slice::from_ref(&late));
    assert_eq!(a.extend(&[late], LONG), [false]);
    assert_eq!(b.extend(std::slice::from_ref(&next), LONG), [true]);
    assert!(a.acquire_one("late", LONG).is_none(), "it is another's");
    b.release(&[next]);
    let again = a.acquire_one("late", LONG).expect("given back");
    a.release(std::slice::from_ref(&again));
    assert_eq!(a.extend(&[again], LONG), [false], "what was given back is not held");
}

fn extend(a: &Node, b: &Node, late: &Lateness) {
    let held = a.acquire_one("extend", SHORT).expect("free");
    // Longer than it would have held, a heartbeat included.
    let end = Instant::now() + 2 * SHORT + late.alive;
    while Instant::now() < end {
        assert_eq!(a.extend(std::slice::from_ref(&held), Duration::from_secs(5)), [true]);
        assert!(b.acquire_one("extend", LONG).is_none(), "it was extended");
        std::thread::sleep(Duration::from_millis(100));
    }
    a.release(&[held]);
    b.acquire_one("extend", LONG).expect("given back");
}

fn a_node_that_ends(a: Node, b: &Node, late: &Lateness) {
    let ttl = Duration::from_secs(1);
    a.acquire_one("end", ttl).expect("free");
    a.close();
    assert!(b.acquire_one("end", LONG).is_none(), "nobody gave it back");
    let took = poll("a node that is gone holds nothing for long", ttl + late.gone + SLACK, || {
        b.acquire_one("end", LONG).is_some()
    });
    println!("a node that ended held its leases for {:.2} s", took.as_secs_f64());
}

const AT_ONCE: Lateness = Lateness { alive: Duration::ZERO, gone: Duration::ZERO };
/// The holder gives back what is overdue with its heartbeat, four in two seconds. If
/// it is gone, etcd ends its session after those two seconds and looks twice a second.
const WITH_SESSION: Lateness =
    Lateness { alive: Duration::from_millis(500), gone: Duration::from_millis(1500) };

#[test]
fn embedded() {
    conforms(&[("lease_store", "embedded:conformance")], &AT_ONCE);
}

#[test]
fn redis() {
    let redis = Redis::start();
    conforms(&[("lease_store", &redis.url())], &AT_ONCE);
}

#[test]
fn redis_with_tls_and_a_password() {
    let certificates = Arc::new(Certificates::new());
    let redis =
        Redis::start_with(RedisOptions { password: "secret".into(), tls: Some(Arc::clone(&certificates)) });
    let settings = [
        ("lease_store", redis.url()),
        ("lease_store_password", "secret".into()),
        ("lease_store_ca_file", certificates.text_path("ca.pem")),
        ("lease_store_cert_file", certificates.text_path("client.pem")),
        ("lease_store_key_file", certificates.text_path("client.key")),
    ];
    conforms(&settings.each_ref().map(|(name, value)| (*name, value.as_str())), &AT_ONCE);
}

#[test]
fn etcd() {
    let cluster = EtcdCluster::start(1);
    conforms(&[("lease_store", &cluster.url())], &WITH_SESSION);
}

#[test]
fn etcd_with_tls_certificates_and_a_password() {
    let certificates = Arc::new(Certificates::new());
    let cluster = EtcdCluster::start_with(
        1,
        EtcdOptions {
            tls: Some(Arc::clone(&certificates)),
            client_certificates: true,
            bcrypt_cost: 4,
            ..EtcdOptions::default()
        },
    );
    cluster.enable_auth();
    let settings = [
        ("lease_store", cluster.url()),
        ("lease_store_user", "root".into()),
        ("lease_store_password", edgecmp_servers::ROOT_PASSWORD.into()),
        ("lease_store_ca_file", certificates.text_path("ca.pem")),
        ("lease_store_cert_file", certificates.text_path("client.pem")),
        ("lease_store_key_file", certificates.text_path("client.key")),
    ];
    conforms(&settings.each_ref().map(|(name, value)| (*name, value.as_str())), &WITH_SESSION);
}
