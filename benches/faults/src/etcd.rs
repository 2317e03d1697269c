//! What goes wrong with etcd.

use edgecmp_servers::{Cut, EtcdCluster, EtcdOptions};

use crate::args::Run;
use crate::bench::{Bench, CONTROL, Heals};
use crate::probe::Probe;

pub fn run(run: &Run, bench: &mut Bench) {
    members(run, bench);
    quota(run, bench);
    authentication(run, bench);
}

fn members(run: &Run, bench: &mut Bench) {
    let mut cluster = EtcdCluster::start(3);
    let cuts: Vec<_> = (0..3).map(|index| Cut::before(cluster.port(index))).collect();
    let url = format!("etcd://{}", cuts.iter().map(Cut::endpoint).collect::<Vec<_>>().join(","));
    let mut fleet = bench.fleet("etcd", &[("lease_store", &url)]);
    fleet.probe = Some(Probe::start(&cluster));
    let of = &mut cluster;
    bench.row(run, &fleet, of, CONTROL, |_, _| (), |_, ()| ());
    bench.row(
        run,
        &fleet,
        of,
        ("leader killed", Heals::Itself, false),
        |cluster, _| {
            let leader = cluster.leader();
            cluster.kill(leader);
            leader
        },
        |cluster, leader| {
            cluster.restart(leader);
            cluster.wait_healthy();
        },
    );
    bench.row(
        run,
        &fleet,
        of,
        // One of them is the one that a node is connected to, one the leader.
        ("each member paused", Heals::Itself, false),
        |cluster, length| {
            for index in 0..3 {
                cluster.pause(index);
                std::thread::sleep(length / 3);
                cluster.resume(index);
            }
        },
        |_, ()| (),
    );
    bench.row(
        run,
        &fleet,
        of,
        ("all members gone", Heals::Returned, true),
        |cluster, _| (0..3).for_each(|index| cluster.kill(index)),
        |cluster, ()| {
            (0..3).for_each(|index| cluster.restart(index));
            cluster.wait_healthy();
        },
    );
    bench.row(
        run,
        &fleet,
        of,
        ("network cut", Heals::Returned, true),
        |_, _| cuts.iter().for_each(Cut::cut),
        |_, ()| cuts.iter().for_each(Cut::restore),
    );
    bench.row(
        run,
        &fleet,
        of,
        ("sessions revoked", Heals::Itself, false),
        |cluster, _| {
            cluster.revoke_sessions();
        },
        |_, ()| (),
    );
}

fn quota(run: &Run, bench: &mut Bench) {
    let options = EtcdOptions { quota: 16 << 20, ..EtcdOptions::default() };
    let mut cluster = EtcdCluster::start_with(3, options);
    let fleet = bench.fleet("etcd", &[("lease_store", &cluster.url())]);
    bench.row(
        run,
        &fleet,
        &mut cluster,
        ("quota exceeded", Heals::Returned, false),
        |cluster, _| cluster.fill(),
        |cluster, ()| cluster.make_room(),
    );
}

fn authentication(run: &Run, bench: &mut Bench) {
    let mut cluster = EtcdCluster::start(3);
    cluster.enable_leases_user("secret");
    let settings = [
        ("lease_store", cluster.url()),
        ("lease_store_user", "node".to_owned()),
        ("lease_store_password", "secret".to_owned()),
    ];
    let fleet = bench.fleet("etcd", &settings.each_ref().map(|(name, value)| (*name, value.as_str())));
    bench.row(
        run,
        &fleet,
        &mut cluster,
        ("password changed", Heals::Returned, false),
        |cluster, _| cluster.change_node_password("changed"),
        |cluster, ()| cluster.change_node_password("secret"),
    );
}
