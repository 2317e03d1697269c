//! What goes wrong with etcd.

use std::time::Duration;

use edgecmp_servers::{Cut, EtcdCluster, EtcdOptions, ROOT_PASSWORD, block_on};
use etcd_client::{
    AlarmAction, AlarmOptions, AlarmType, Client, CompactionOptions, ConnectOptions, DeleteOptions,
    Permission, PermissionType,
};

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
            block_on(async {
                let mut client = cluster.connect(None).await;
                let sessions = client.leases().await.expect("sessions");
                for session in sessions.leases() {
                    client.lease_revoke(session.id()).await.expect("a session");
                }
            });
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
        |cluster, _| {
            block_on(async {
                let mut client = cluster.connect(None).await;
                let mut number = 0;
                while client.put(format!("fill/{number}"), vec![0; 512 << 10], None).await.is_ok() {
                    number += 1;
                    assert!(number < 100, "no quota");
                }
            });
        },
        |cluster, ()| make_room(cluster),
    );
}

fn make_room(cluster: &EtcdCluster) {
    block_on(async {
        let mut client = cluster.connect(None).await;
        let options = DeleteOptions::new().with_prefix();
        let deleted = client.delete("fill/", Some(options)).await.expect("deletes are served");
        let revision = deleted.header().expect("a header").revision();
        // Members compact at their leisure; before that defragmenting saves nothing.
        let physically = CompactionOptions::new().with_physical();
        client.compact(revision, Some(physically)).await.expect("compacted");
        tokio::time::sleep(Duration::from_millis(500)).await;
        for index in 0..3 {
            let at = format!("http://127.0.0.1:{}", cluster.port(index));
            let mut member = Client::connect([at], None).await.expect("a member");
            member.defragment().await.expect("defragmented");
        }
        let alarms = client.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.expect("alarms");
        for alarm in alarms.alarms() {
            let mut member = AlarmOptions::new();
            member.with_member(alarm.member_id());
            let off = client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(member)).await;
            off.expect("no alarm any more");
        }
        client.put("room", "", None).await.expect("there is room");
    });
}

fn authentication(run: &Run, bench: &mut Bench) {
    let mut cluster = EtcdCluster::start(3);
    block_on(async {
        let mut client = cluster.connect(None).await;
        client.role_add("leases").await.expect("a role");
        let permission = Permission::new(PermissionType::Readwrite, "lease/cache/").with_prefix();
        client.role_grant_permission("leases", permission).await.expect("its permission");
        client.user_add("node", "secret", None).await.expect("a user");
        client.user_grant_role("node", "leases").await.expect("its role");
    });
    cluster.enable_auth();
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
        |cluster, _| change_password(cluster, "changed"),
        |cluster, ()| change_password(cluster, "secret"),
    );
}

/// By a connection of its own, which is there before a fault is timed.
fn change_password(cluster: &EtcdCluster, password: &'static str) {
    block_on(async {
        let root = ConnectOptions::new()
            .with_connect_timeout(Duration::from_secs(5))
            .with_user("root", ROOT_PASSWORD);
        let at = format!("http://127.0.0.1:{}", cluster.port(0));
        let mut client = Client::connect([at], Some(root)).await.expect("the administrator's connection");
        client.user_change_password("node", password).await.expect("changed");
    });
}
