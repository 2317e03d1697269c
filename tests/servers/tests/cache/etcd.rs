//! What goes wrong with etcd.

use edgecmp_servers::{Cut, EtcdCluster, EtcdOptions, turn};

use crate::fault::{Fault, Heals, suffer};
use crate::fleet::Fleet;

struct Etcd {
    cluster: EtcdCluster,
    cuts: Vec<Cut>,
    leader: usize,
}

fn serving(etcd: &mut Etcd) {
    etcd.cluster.wait_serving(None);
}

fn pause<const INDEX: usize>(etcd: &mut Etcd) {
    etcd.cluster.pause(INDEX);
    serving(etcd);
}

fn resume<const INDEX: usize>(etcd: &mut Etcd) {
    etcd.cluster.resume(INDEX);
}

/// One of them is the one that a cache is connected to, one the leader.
const PAUSED: [Fault<Etcd>; 3] = [
    Fault { name: "member 0 paused", heals: Heals::Itself, breaks: pause::<0>, mends: resume::<0> },
    Fault { name: "member 1 paused", heals: Heals::Itself, breaks: pause::<1>, mends: resume::<1> },
    Fault { name: "member 2 paused", heals: Heals::Itself, breaks: pause::<2>, mends: resume::<2> },
];

const MEMBERS: [Fault<Etcd>; 5] = [
    Fault {
        name: "leader killed",
        heals: Heals::Itself,
        breaks: |etcd| {
            etcd.leader = etcd.cluster.leader();
            etcd.cluster.kill(etcd.leader);
            serving(etcd);
        },
        mends: |etcd| {
            etcd.cluster.restart(etcd.leader);
            etcd.cluster.wait_healthy();
        },
    },
    Fault {
        name: "all members gone",
        heals: Heals::Mended,
        breaks: |etcd| (0..3).for_each(|index| etcd.cluster.kill(index)),
        mends: |etcd| {
            (0..3).for_each(|index| etcd.cluster.restart(index));
            etcd.cluster.wait_healthy();
        },
    },
    Fault {
        name: "all members paused",
        heals: Heals::Mended,
        breaks: |etcd| (0..3).for_each(|index| etcd.cluster.pause(index)),
        mends: |etcd| {
            (0..3).for_each(|index| etcd.cluster.resume(index));
            serving(etcd);
        },
    },
    Fault {
        name: "network cut",
        heals: Heals::Mended,
        breaks: |etcd| etcd.cuts.iter().for_each(Cut::cut),
        mends: |etcd| etcd.cuts.iter().for_each(Cut::restore),
    },
    Fault {
        name: "sessions revoked",
        heals: Heals::Itself,
        breaks: |etcd| assert_eq!(etcd.cluster.revoke_sessions(), 2, "one session a cache"),
        mends: |_| (),
    },
];

#[test]
fn members_of_etcd() {
    let _turn = turn();
    let cluster = EtcdCluster::start(3);
    let cuts: Vec<_> = (0..3).map(|index| Cut::before(cluster.port(index))).collect();
    let url = format!("etcd://{}", cuts.iter().map(Cut::endpoint).collect::<Vec<_>>().join(","));
    let fleet = Fleet::open("etcd", &[("lease_store", &url)]);
    let mut etcd = Etcd { cluster, cuts, leader: 0 };
    suffer(&fleet, &mut etcd, &PAUSED);
    suffer(&fleet, &mut etcd, &MEMBERS);
    assert_eq!(etcd.cluster.sessions(), 2, "one session a cache");
    fleet.end();
    assert_eq!(etcd.cluster.sessions(), 0, "a cache that is closed leaves nothing behind");
}

#[test]
fn quota_of_etcd() {
    let _turn = turn();
    let options = EtcdOptions { quota: 4 << 20, ..EtcdOptions::default() };
    let mut cluster = EtcdCluster::start_with(3, options);
    let fleet = Fleet::open("etcd", &[("lease_store", &cluster.url())]);
    let exceeded = Fault::<EtcdCluster> {
        name: "quota exceeded",
        heals: Heals::Mended,
        breaks: |cluster| cluster.fill(),
        mends: |cluster| cluster.make_room(),
    };
    suffer(&fleet, &mut cluster, &[exceeded]);
    fleet.end();
}

const AUTHENTICATION: [Fault<EtcdCluster>; 2] = [
    Fault {
        name: "password changed",
        heals: Heals::Mended,
        breaks: |cluster| cluster.change_node_password("changed"),
        mends: |cluster| cluster.change_node_password("secret"),
    },
    Fault {
        name: "user deleted",
        heals: Heals::Mended,
        breaks: |cluster| cluster.delete_node_user(),
        mends: |cluster| cluster.add_node_user(edgecmp_servers::ROOT, "secret"),
    },
];

#[test]
fn authentication_of_etcd() {
    let _turn = turn();
    let options = EtcdOptions { bcrypt_cost: 4, ..EtcdOptions::default() };
    let mut cluster = EtcdCluster::start_with(3, options);
    cluster.enable_leases_user("secret");
    let settings =
        [("lease_store", &*cluster.url()), ("lease_store_user", "node"), ("lease_store_password", "secret")];
    let fleet = Fleet::open("etcd", &settings);
    suffer(&fleet, &mut cluster, &AUTHENTICATION);
    fleet.end();
}
