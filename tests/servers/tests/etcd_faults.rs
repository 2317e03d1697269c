//! etcd with a leader less, a member hung, no member at all, cut off, full, closed to
//! us: every call ends by its deadline, and leases are won again when it is over.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edgecmp_servers::{
    Certificates, Cut, EtcdCluster, EtcdOptions, Lost, Node, PATIENCE, ROOT, block_on, poll, recovery, turn,
};

const LONG: Duration = Duration::from_secs(60);
const FAULT: Duration = Duration::from_secs(2);

fn node(cluster: &EtcdCluster) -> Node {
    let node = Node::open(&[("lease_store", &cluster.url())]);
    node.acquire_one("first", LONG).expect("free");
    node
}

/// Elections are etcd's own time.
fn serving(cluster: &EtcdCluster, what: &str) {
    println!("etcd {what}: it serves after {:.2} s", cluster.wait_serving(None).as_secs_f64());
}

/// No call may be answered with leases while the fault lasts.
fn away(node: &Node, during: Duration) {
    let (won, lost) = node.watch(during);
    assert!(won == 0 && lost > 3, "won {won}, lost {lost}");
}

/// Why leases are refused. A busy member may first not answer at all: it hashes a
/// password for each attempt.
fn refused(node: &Node, why: &str) {
    let last = RefCell::new(String::new());
    let what = || format!("refused for {why:?}, and not for {:?}", last.borrow());
    poll(what, PATIENCE, || match node.try_acquire(&["key"], LONG, PATIENCE) {
        Err(Lost::Failed(error)) => {
            assert!(!error.to_string().contains("secret"), "a password in {error}");
            last.replace(error.message().to_owned());
            error.message().contains(why)
        }
        outcome => panic!("{outcome:?}"),
    });
}

#[test]
fn leader_killed() {
    let _turn = turn();
    let mut cluster = EtcdCluster::start(3);
    let nodes = [node_of(&cluster, "a"), node_of(&cluster, "b"), node_of(&cluster, "c")];
    let leader = cluster.leader();
    cluster.kill(leader);
    serving(&cluster, "leader killed");
    for node in &nodes {
        recovery(node, "etcd leader killed");
    }
    cluster.restart(leader);
    cluster.wait_healthy();
    for node in &nodes {
        recovery(node, "etcd leader back");
        assert!(node.acquire_one("a", LONG).is_none(), "etcd remembers");
    }
}

fn node_of(cluster: &EtcdCluster, key: &str) -> Node {
    let node = Node::open(&[("lease_store", &cluster.url())]);
    node.acquire_one(key, LONG).expect("free");
    node
}

#[test]
fn member_paused() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    // A session that outlives an election on a busy machine.
    let node = Node::open(&[("lease_store", &cluster.url()), ("lease_ttl", "10s")]);
    node.acquire_one("first", LONG).expect("free");
    // One after the other: whichever the node is connected to, and the leader.
    for index in 0..cluster.len() {
        cluster.pause(index);
        serving(&cluster, &format!("member {index} paused"));
        recovery(&node, &format!("etcd member {index} paused"));
        let (won, lost) = node.watch(Duration::from_secs(1));
        assert!(won > 5 * lost, "won {won}, lost {lost}: the others answer");
        cluster.resume(index);
        recovery(&node, &format!("etcd member {index} resumed"));
    }
    assert!(node.acquire_one("first", LONG).is_none(), "the session lives");
}

#[test]
fn all_killed_and_back() {
    let _turn = turn();
    let mut cluster = EtcdCluster::start(3);
    let node = node(&cluster);
    for index in 0..3 {
        cluster.kill(index);
    }
    away(&node, FAULT);
    for index in 0..3 {
        cluster.restart(index);
    }
    cluster.wait_healthy();
    recovery(&node, "etcd killed");
}

#[test]
fn all_paused() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    let node = node(&cluster);
    for index in 0..3 {
        cluster.pause(index);
    }
    // Longer than the session lives.
    away(&node, Duration::from_secs(4));
    for index in 0..3 {
        cluster.resume(index);
    }
    serving(&cluster, "all members resumed");
    recovery(&node, "etcd paused");
}

#[test]
fn cut_off() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    let cuts: Vec<_> = (0..3).map(|index| Cut::before(cluster.port(index))).collect();
    let url = cuts.iter().map(Cut::endpoint).collect::<Vec<_>>().join(",");
    let a = Node::open(&[("lease_store", &format!("etcd://{url}"))]);
    let b = node(&cluster);
    a.acquire_one("held", LONG).expect("free");
    // Not all of them.
    cuts[0].cut();
    cuts[1].cut();
    recovery(&a, "etcd cut off but for one member");
    cuts[2].cut();
    away(&a, Duration::from_secs(1));
    let lapsed = poll("the session ends", Duration::from_secs(6), || b.acquire_one("held", LONG).is_some());
    println!("etcd cut off: the session ended {:.2} s later", lapsed.as_secs_f64() + 1.0);
    cuts.iter().for_each(Cut::restore);
    recovery(&a, "etcd cut off");
    assert!(a.acquire_one("held", LONG).is_none(), "it is the other's");
}

#[test]
fn session_revoked_under_us() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    let node = node(&cluster);
    let held = node.acquire_one("held", LONG).expect("free");
    let revoked = cluster.revoke_sessions();
    assert_eq!(revoked, 1, "one session a node");
    recovery(&node, "etcd session revoked");
    assert_eq!(node.extend(std::slice::from_ref(&held), LONG), [false], "it went with the session");
    let again = node.acquire_one("held", LONG).expect("free");
    node.release(&[held]);
    assert_eq!(node.extend(&[again], LONG), [true]);
}

#[test]
fn quota_exceeded() {
    let _turn = turn();
    let quota = 4 << 20;
    let cluster = EtcdCluster::start_with(3, EtcdOptions { quota, ..EtcdOptions::default() });
    let node = node(&cluster);
    let held = node.acquire_one("held", LONG).expect("free");
    cluster.fill();
    poll("the alarm is raised", Duration::from_secs(5), || node.is_served().is_err());
    refused(&node, "database space exceeded");
    away(&node, FAULT);
    // What only deletes is done.
    node.release(&[held]);
    cluster.make_room();
    recovery(&node, "etcd over its quota");
    node.acquire_one("held", LONG).expect("was given back while it was full");
}

/// A cluster with a user `node` that may use leases and nothing else.
fn with_auth(token_ttl: u64) -> EtcdCluster {
    let options = EtcdOptions { token_ttl, bcrypt_cost: 4, ..EtcdOptions::default() };
    let cluster = EtcdCluster::start_with(3, options);
    cluster.enable_leases_user("secret");
    cluster
}

fn node_with_password(cluster: &EtcdCluster, password: &str) -> Node {
    let url = cluster.url();
    Node::open(&[("lease_store", &url), ("lease_store_user", "node"), ("lease_store_password", password)])
}

#[test]
fn passwords() {
    let _turn = turn();
    let cluster = with_auth(0);
    let node = node_with_password(&cluster, "secret").ready();
    node.acquire_one("first", LONG).expect("free");
    for wrong in
        [node_with_password(&cluster, "secret-wrong"), Node::open(&[("lease_store", &cluster.url())])]
    {
        away(&wrong, Duration::from_millis(500));
    }
    refused(&node_with_password(&cluster, "secret-wrong"), "authentication failed");
    refused(&Node::open(&[("lease_store", &cluster.url())]), "user name is empty");

    cluster.change_node_password("changed");
    away(&node, FAULT);
    cluster.change_node_password("secret");
    recovery(&node, "etcd password changed and back");

    cluster.delete_node_user();
    away(&node, FAULT);
    cluster.add_node_user(ROOT, "secret");
    recovery(&node, "etcd user deleted and back");
}

#[test]
fn tokens_expire() {
    let _turn = turn();
    let mut cluster = with_auth(1);
    let url = cluster.url();
    // A session so long that no heartbeat keeps the token in use.
    let node = Node::open(&[
        ("lease_store", &url),
        ("lease_store_user", "node"),
        ("lease_store_password", "secret"),
        ("lease_ttl", "60s"),
    ]);
    let held = node.acquire_one("first", LONG).expect("free");
    for round in 0..2 {
        std::thread::sleep(Duration::from_millis(2500));
        recovery(&node, &format!("etcd token expired ({round})"));
    }
    assert_eq!(node.extend(std::slice::from_ref(&held), LONG), [true], "the session lives");
    // Tokens are in the members' memory.
    for index in 0..3 {
        cluster.kill(index);
        cluster.restart(index);
    }
    cluster.wait_healthy();
    recovery(&node, "etcd restarted, all tokens gone");
    // Any change of users or roles makes tokens those of an old revision.
    add_role(&cluster, "another");
    recovery(&node, "etcd roles changed");
    assert_eq!(node.extend(&[held], LONG), [true], "the session lives");
}

fn add_role(cluster: &EtcdCluster, name: &str) {
    block_on(async {
        let mut client = cluster.connect(ROOT).await;
        client.role_add(name).await.expect("a role");
    });
}

#[test]
fn what_arrives_late_lapses_too() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    let cuts: Vec<_> = (0..3).map(|index| Cut::before(cluster.port(index))).collect();
    let url = cuts.iter().map(Cut::endpoint).collect::<Vec<_>>().join(",");
    let a = Node::open(&[("lease_store", &format!("etcd://{url}"))]);
    let b = node(&cluster);
    a.acquire_one("connect", LONG).expect("free");
    // One of them is the member that the node asks; the session lives by the others.
    let mut unanswered = 0;
    for (index, cut) in cuts.iter().enumerate() {
        cut.cut();
        let key = format!("late/{index}");
        let asked = a.try_acquire(&[&key], Duration::from_millis(100), Duration::from_millis(50));
        unanswered += usize::from(asked.is_err());
        // By now the node has looked for what it did not give back.
        std::thread::sleep(Duration::from_millis(1500));
        cut.restore();
        std::thread::sleep(Duration::from_millis(200));
        let lapsed =
            poll("what arrived late lapses", Duration::from_secs(5), || b.acquire_one(&key, LONG).is_some());
        println!("etcd request late by 1.5 s: its key lapsed {:.2} s later", lapsed.as_secs_f64());
    }
    assert!(unanswered > 0, "no member that was cut off was asked");
}

/// A key under the node's session that the node knows nothing of: what is left when a
/// member does late what it was asked.
fn forgotten(cluster: &EtcdCluster, by: Option<(&str, &str)>, node: &Node) {
    block_on(async {
        let mut client = cluster.connect(by).await;
        let sessions = client.leases().await.expect("sessions");
        let options = etcd_client::PutOptions::new().with_lease(sessions.leases()[0].id());
        client.put("lease/cache/forgotten", "1", Some(options)).await.expect("written");
    });
    let took = poll("what was forgotten lapses", PATIENCE, || node.acquire_one("forgotten", LONG).is_some());
    println!("etcd: a forgotten key lapsed after {:.2} s", took.as_secs_f64());
}

#[test]
fn what_was_forgotten_lapses_too() {
    let _turn = turn();
    let cluster = EtcdCluster::start(1);
    forgotten(&cluster, None, &node(&cluster));
    let cluster = with_auth(0);
    let node = node_with_password(&cluster, "secret").ready();
    node.acquire_one("first", LONG).expect("free");
    forgotten(&cluster, ROOT, &node);
    assert!(node.acquire_one("first", LONG).is_none(), "what is held is left alone");
}

#[test]
fn what_was_won_again_lapses_too() {
    let _turn = turn();
    let cluster = EtcdCluster::start(1);
    let (a, b) = (node(&cluster), Node::open(&[("lease_store", &cluster.url())]));
    a.acquire_one("again", LONG).expect("free");
    block_on(async {
        let mut client = cluster.connect(None).await;
        client.delete("lease/cache/again", None).await.expect("deleted");
    });
    // The first token is still noted.
    a.acquire_one("again", Duration::from_millis(100)).expect("free again");
    poll("a lease lapses", Duration::from_secs(4), || b.acquire_one("again", LONG).is_some());
}

#[test]
fn tls_and_client_certificates() {
    let _turn = turn();
    let certificates = Arc::new(Certificates::new());
    let options = EtcdOptions { tls: Some(Arc::clone(&certificates)), ..EtcdOptions::default() };
    let with_clients = EtcdOptions { client_certificates: true, ..options.clone() };
    let (mut cluster, strict) =
        (EtcdCluster::start_with(3, options), EtcdCluster::start_with(1, with_clients));
    let ca = certificates.text_path("ca.pem");
    let (cert, key) = (certificates.text_path("client.pem"), certificates.text_path("client.key"));

    let node = Node::open(&[("lease_store", &cluster.url()), ("lease_store_ca_file", &ca)]);
    node.acquire_one("first", LONG).expect("free");
    let leader = cluster.leader();
    cluster.kill(leader);
    serving(&cluster, "leader killed, with TLS");
    recovery(&node, "etcd leader killed, with TLS");

    let url = strict.url();
    let with_certificate = Node::open(&[
        ("lease_store", &url),
        ("lease_store_ca_file", &ca),
        ("lease_store_cert_file", &cert),
        ("lease_store_key_file", &key),
    ]);
    with_certificate.acquire_one("first", LONG).expect("free");

    let stranger = Certificates::new();
    for settings in [
        // No certificate; one of another authority; a server of another authority; no TLS.
        &[("lease_store", url.as_str()), ("lease_store_ca_file", &ca)][..],
        &[
            ("lease_store", &url),
            ("lease_store_ca_file", &ca),
            ("lease_store_cert_file", &stranger.text_path("client.pem")),
            ("lease_store_key_file", &stranger.text_path("client.key")),
        ],
        &[("lease_store", &url), ("lease_store_ca_file", &stranger.text_path("ca.pem"))],
        &[("lease_store", &url)],
        &[("lease_store", &url.replace("etcds", "etcd"))],
    ] {
        let refused = Node::open(settings);
        let began = Instant::now();
        away(&refused, Duration::from_millis(700));
        assert!(began.elapsed() < Duration::from_secs(5), "calls end by their deadlines");
    }
}
