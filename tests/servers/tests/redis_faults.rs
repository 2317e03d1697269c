//! Redis away, hung, cut off, emptied, closed to us, full: every call ends by its
//! deadline, and leases are won again when it is over.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

use std::time::Duration;

use edgecmp_servers::{Cut, Lost, Node, PATIENCE, Redis, RedisOptions, recovery, turn};

const LONG: Duration = Duration::from_secs(60);
/// Longer than `lease_timeout` and the pause between connections together.
const FAULT: Duration = Duration::from_millis(1500);

fn node(redis: &Redis) -> Node {
    let node = Node::open(&[("lease_store", &redis.url())]);
    node.acquire_one("first", LONG).expect("free");
    node
}

/// No call may be answered with leases while the fault lasts.
fn away(node: &Node) {
    let (won, lost) = node.watch(FAULT);
    assert!(won == 0 && lost > 3, "won {won}, lost {lost}");
}

#[test]
fn killed_and_back() {
    let _turn = turn();
    let mut redis = Redis::start();
    let node = node(&redis);
    redis.kill();
    away(&node);
    redis.restart();
    redis.wait_healthy();
    recovery(&node, "Redis killed");
    node.acquire_one("first", LONG).expect("Redis has forgotten");
}

#[test]
fn paused() {
    let _turn = turn();
    let redis = Redis::start();
    let node = node(&redis);
    redis.pause();
    away(&node);
    redis.resume();
    recovery(&node, "Redis paused");
    assert!(node.acquire_one("first", LONG).is_none(), "Redis remembers");
}

#[test]
fn paused_before_the_first_call() {
    let _turn = turn();
    let redis = Redis::start();
    let node = Node::open(&[("lease_store", &redis.url())]);
    redis.pause();
    away(&node);
    redis.resume();
    recovery(&node, "Redis paused before the first call");
}

#[test]
fn cut_off() {
    let _turn = turn();
    let redis = Redis::start();
    let cut = Cut::before(redis.port());
    let node = Node::open(&[("lease_store", &format!("redis://{}", cut.endpoint()))]);
    node.acquire_one("first", LONG).expect("free");
    cut.cut();
    away(&node);
    cut.restore();
    recovery(&node, "Redis cut off");
    assert!(node.acquire_one("first", LONG).is_none(), "Redis remembers");
}

#[test]
fn what_could_not_be_given_back_is_given_back_later() {
    let redis = Redis::start();
    let (a, b) = (node(&redis), Node::open(&[("lease_store", &redis.url())]).ready());
    let held: Vec<_> = a.acquire(&["one", "two"], LONG).into_iter().flatten().collect();
    redis.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(a.try_release(&held).is_err(), "the connection is gone");
    a.acquire_one("one", LONG).expect("by the node itself");
    b.ready().acquire_one("two", LONG).expect("by others too");
}

#[test]
fn emptied() {
    let _turn = turn();
    let redis = Redis::start();
    let (a, b) = (node(&redis), Node::open(&[("lease_store", &redis.url())]));
    let held = a.acquire_one("held", LONG).expect("free");
    redis.admin(&["FLUSHALL"]);
    assert_eq!(a.extend(std::slice::from_ref(&held), LONG), [false], "it is gone");
    b.acquire_one("held", LONG).expect("free again");
    a.release(&[held]);
    assert!(a.acquire_one("held", LONG).is_none(), "it is the other's");
    // Scripts are gone too, which the client loads again.
    redis.admin(&["SCRIPT", "FLUSH"]);
    let held = a.acquire_one("other", LONG).expect("free");
    assert_eq!(a.extend(&[held], LONG), [true]);
}

#[test]
fn a_key_of_another_type() {
    let _turn = turn();
    let redis = Redis::start();
    let (a, b) = (node(&redis), Node::open(&[("lease_store", &redis.url())]));
    let held: Vec<_> = a.acquire(&["list", "held"], LONG).into_iter().flatten().collect();
    redis.admin(&["DEL", "lease/cache/list"]);
    redis.admin(&["LPUSH", "lease/cache/list", "somebody's"]);
    assert_eq!(a.extend(&held, LONG), [false, true], "it is another's");
    assert!(a.acquire_one("list", LONG).is_none());
    a.release(&held);
    assert!(b.acquire_one("held", LONG).is_some(), "given back all the same");
    assert!(b.acquire_one("list", LONG).is_none(), "left alone");
}

fn refused(node: &Node, why: &[&str]) {
    match node.try_acquire(&["key"], LONG, PATIENCE) {
        Err(Lost::Failed(error)) => {
            assert!(why.iter().any(|why| error.message().contains(why)), "{error}");
            assert!(!error.to_string().contains("secret"), "a password in {error}");
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn wrong_password() {
    let _turn = turn();
    let redis = Redis::start_with(RedisOptions { password: "right".into(), ..RedisOptions::default() });
    let url = redis.url();
    let node = Node::open(&[("lease_store", &url), ("lease_store_password", "secret-wrong")]);
    refused(&node, &["WRONGPASS", "Password authentication failed"]);
    away(&node);
    refused(&Node::open(&[("lease_store", &url)]), &["NOAUTH", "Authentication"]);
    redis.admin(&["CONFIG", "SET", "requirepass", "secret-wrong"]);
    recovery(&node, "Redis with another password");
}

#[test]
fn password_changed_under_us() {
    let _turn = turn();
    let redis = Redis::start_with(RedisOptions { password: "secret-1".into(), ..RedisOptions::default() });
    let node = Node::open(&[("lease_store", &redis.url()), ("lease_store_password", "secret-1")]);
    node.acquire_one("first", LONG).expect("free");
    // Connections that are there stay as they are, unless they are killed.
    redis.admin_as("secret-1", &["CONFIG", "SET", "requirepass", "secret-2"]);
    redis.admin_as("secret-2", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    away(&node);
    redis.admin_as("secret-2", &["CONFIG", "SET", "requirepass", "secret-1"]);
    recovery(&node, "Redis password changed and back");
}

#[test]
fn full() {
    let _turn = turn();
    let redis = Redis::start();
    let node = node(&redis);
    let held = node.acquire_one("held", LONG).expect("free");
    redis.admin(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.admin(&["CONFIG", "SET", "maxmemory", "1"]);
    refused(&node, &["OOM"]);
    away(&node);
    // What needs no memory is done.
    node.release(&[held]);
    redis.admin(&["CONFIG", "SET", "maxmemory", "0"]);
    recovery(&node, "Redis full");
    node.acquire_one("held", LONG).expect("was given back while it was full");
}
