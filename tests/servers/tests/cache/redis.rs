//! What goes wrong with Redis.

use edgecmp_servers::{Cut, Redis, RedisOptions, turn};

use crate::fault::{Fault, Heals, suffer};
use crate::fleet::Fleet;

struct Server {
    redis: Redis,
    cut: Cut,
}

const FAULTS: [Fault<Server>; 6] = [
    Fault {
        name: "killed",
        heals: Heals::Mended,
        breaks: |server| server.redis.kill(),
        mends: |server| {
            server.redis.restart();
            server.redis.wait_healthy();
        },
    },
    Fault {
        name: "paused",
        heals: Heals::Mended,
        breaks: |server| server.redis.pause(),
        mends: |server| server.redis.resume(),
    },
    Fault {
        name: "network cut",
        heals: Heals::Mended,
        breaks: |server| server.cut.cut(),
        mends: |server| server.cut.restore(),
    },
    Fault {
        name: "emptied",
        heals: Heals::Itself,
        breaks: |server| drop(server.redis.admin(&["FLUSHALL"])),
        mends: |_| (),
    },
    Fault {
        name: "password changed",
        heals: Heals::Mended,
        breaks: |server| {
            server.redis.admin(&["CONFIG", "SET", "requirepass", "changed"]);
            // Connections that are there stay as they are, unless they are killed.
            server.redis.admin_as("changed", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        },
        mends: |server| drop(server.redis.admin_as("changed", &["CONFIG", "SET", "requirepass", "secret"])),
    },
    Fault {
        name: "full",
        heals: Heals::Mended,
        breaks: |server| {
            server.redis.admin(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
            server.redis.admin(&["CONFIG", "SET", "maxmemory", "1"]);
        },
        mends: |server| drop(server.redis.admin(&["CONFIG", "SET", "maxmemory", "0"])),
    },
];

#[test]
fn all_of_redis() {
    let _turn = turn();
    let options = RedisOptions { password: "secret".into(), ..RedisOptions::default() };
    let redis = Redis::start_with(options);
    let cut = Cut::before(redis.port());
    let url = format!("redis://{}", cut.endpoint());
    let fleet = Fleet::open("Redis", &[("lease_store", &url), ("lease_store_password", "secret")]);
    let mut server = Server { redis, cut };
    suffer(&fleet, &mut server, &FAULTS);
    fleet.end();
}
