//! Who disturbs: other writers, the weather, the machine, the operator.

use std::sync::Arc;

use crate::fault::Fault;
use crate::node::Fleet;
use crate::origin::Weather;
use crate::trace;
use crate::world::{MS, Nanos};

/// Mean time between disturbances.
const TURN: Nanos = 120 * MS;

/// Others that write to the origin directly.
pub async fn others_write(fleet: Arc<Fleet>, until: Nanos) {
    let world = &fleet.world;
    let mut number = 0_u64;
    while world.now() < until {
        let wait = world.draw(|rng| rng.below(2 * fleet.plan.external_every));
        world.sleep(wait).await;
        if !world.strikes(Fault::ExternalWrite) {
            continue;
        }
        number += 1;
        let key = Fleet::key(world.draw(|rng| rng.zipf(fleet.plan.keys as u64)) as usize);
        let len = if world.strikes(Fault::ExternalLarge) {
            fleet.plan.options.max_value_bytes.0 + 1
        } else {
            world.draw(|rng| rng.pick(&[8, 100, 3000]))
        };
        let deletes = world.strikes(Fault::ExternalDelete);
        let now = world.now();
        let mut server = fleet.server.lock().expect("nothing panics while it holds the server");
        let value = (!deletes).then(|| server.fresh_value(len));
        let applied = server.write(&key, value, &format!("other-{number}"), None, now);
        drop(server);
        trace!(
            world,
            "others write {}: {applied:?}{}",
            key.escape_ascii(),
            if deletes { ", a delete" } else { "" }
        );
    }
}

/// Everything else, one disturbance after another.
pub async fn disturb(fleet: Arc<Fleet>, until: Nanos) {
    let world = &fleet.world;
    while world.now() < until {
        let wait = world.draw(|rng| rng.between(TURN / 4, 2 * TURN));
        world.sleep(wait).await;
        let length = |most: Nanos| world.draw(|rng| rng.between(MS, most));
        if world.strikes(Fault::Outage) {
            let weather = world.draw(|rng| rng.pick(&[Weather::Refusing, Weather::BlackHole]));
            storm(&fleet, weather, length(1500 * MS)).await;
        }
        if world.strikes(Fault::BrownOut) {
            storm(&fleet, Weather::BrownOut, length(600 * MS)).await;
        }
        if world.strikes(Fault::Suspend) {
            let nanos = length(5000 * MS);
            trace!(world, "suspended for {nanos} ns");
            world.suspend(nanos);
        }
        if world.strikes(Fault::Pause) {
            let nanos = length(30 * MS);
            trace!(world, "nobody runs for {nanos} ns");
            world.pause(nanos);
        }
        if world.strikes(Fault::Stall) {
            let life = fleet.node(world.draw(|rng| rng.below(fleet.nodes() as u64)) as usize);
            let nanos = length(700 * MS);
            trace!(world, "runtime of cache {} stalls for {nanos} ns", life.id);
            world.stall(life.owner);
            world.sleep(nanos).await;
            world.go_on(life.owner);
            trace!(world, "runtime of cache {} goes on", life.id);
        }
        if world.strikes(Fault::Restart) {
            fleet.restart(world.draw(|rng| rng.below(fleet.nodes() as u64)) as usize);
        }
        if world.strikes(Fault::Restore) {
            let now = world.now();
            let then = now - length(2000 * MS);
            let changed = fleet.server.lock().expect("nothing panics here").restore(then, now);
            trace!(world, "the origin went back to {then} ns: {changed} keys changed");
        }
        fleet.check_memory();
    }
}

async fn storm(fleet: &Fleet, weather: Weather, nanos: Nanos) {
    let set = |weather| *fleet.weather.lock().expect("nothing panics while it holds the weather") = weather;
    trace!(fleet.world, "weather {weather:?} for {nanos} ns");
    set(weather);
    fleet.world.sleep(nanos).await;
    set(Weather::Fair);
    trace!(fleet.world, "weather fair");
}
