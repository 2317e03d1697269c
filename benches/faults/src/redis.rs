//! What goes wrong with Redis.

use edgecmp_servers::{Cut, Redis, RedisOptions};

use crate::args::Run;
use crate::bench::{Bench, CONTROL, Heals};

pub fn run(run: &Run, bench: &mut Bench) {
    let options = RedisOptions { password: "secret".into(), ..RedisOptions::default() };
    let mut redis = Redis::start_with(options);
    let cut = Cut::before(redis.port());
    let url = format!("redis://{}", cut.endpoint());
    let fleet = bench.fleet("Redis", &[("lease_store", &url), ("lease_store_password", "secret")]);
    let of = &mut redis;
    bench.row(run, &fleet, of, CONTROL, |_, _| (), |_, ()| ());
    bench.row(
        run,
        &fleet,
        of,
        ("killed and back", Heals::Returned, true),
        |redis, _| redis.kill(),
        |redis, ()| {
            redis.restart();
            redis.wait_healthy();
        },
    );
    let paused = ("paused", Heals::Returned, false);
    bench.row(run, &fleet, of, paused, |redis, _| redis.pause(), |redis, ()| redis.resume());
    let network = ("network cut", Heals::Returned, true);
    bench.row(run, &fleet, of, network, |_, _| cut.cut(), |_, ()| cut.restore());
    bench.row(
        run,
        &fleet,
        of,
        ("FLUSHALL", Heals::Itself, false),
        |redis, _| drop(redis.admin(&["FLUSHALL"])),
        |_, ()| (),
    );
    let set = ["CONFIG", "SET"];
    bench.row(
        run,
        &fleet,
        of,
        ("requirepass changed", Heals::Returned, false),
        |redis, _| {
            redis.admin(&[set[0], set[1], "requirepass", "changed"]);
            // Connections that are there stay as they are, unless they are killed.
            redis.admin_as("changed", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        },
        |redis, ()| drop(redis.admin_as("changed", &[set[0], set[1], "requirepass", "secret"])),
    );
    bench.row(
        run,
        &fleet,
        of,
        ("maxmemory, OOM", Heals::Returned, false),
        |redis, _| {
            redis.admin(&[set[0], set[1], "maxmemory-policy", "noeviction"]);
            redis.admin(&[set[0], set[1], "maxmemory", "1"]);
        },
        |redis, ()| drop(redis.admin(&[set[0], set[1], "maxmemory", "0"])),
    );
}
