//! How the origin puts what it knows into an answer.

use std::time::Duration;

use edgecmp::Version;
use edgecmp::facts::entry::Limits;
use edgecmp::origin::{Answer, Known, Validator};

use super::server::{Row, Server};
use crate::fault::Fault;
use crate::plan::{Plan, Sabotage, Validators};
use crate::world::{MS, World};

/// The opaque validator of a version.
fn tag(version: u128) -> Box<str> {
    format!("\"{version:x}\"").into()
}

/// How a version is named to the caller.
pub(super) fn validator(validators: Validators, version: u128) -> Validator {
    match validators {
        Validators::Counters | Validators::Wide => Validator::Version(Version::new(version), None),
        Validators::Opaque => Validator::Opaque(tag(version)),
        Validators::Nothing => Validator::None,
    }
}

fn is_known(validators: Validators, row: &Row, known: &Known) -> bool {
    match validators {
        Validators::Counters | Validators::Wide => known.version.get() == row.version,
        Validators::Opaque => known.validator.as_deref() == Some(&*tag(row.version)),
        Validators::Nothing => false,
    }
}

/// The answer about one key, now.
pub(super) fn answer(
    world: &World,
    plan: &Plan,
    server: &Server,
    key: &[u8],
    known: Option<&Known>,
) -> Answer {
    let now = world.now();
    let lag = if plan.sabotage == Sabotage::SilentLag || world.strikes(Fault::Aged) {
        world.draw(|rng| rng.between(0, 300 * MS))
    } else {
        0
    };
    // Whoever states an age may round it up.
    let age = match plan.sabotage {
        Sabotage::SilentLag => Duration::ZERO,
        _ if lag == 0 => Duration::ZERO,
        _ => Duration::from_nanos(lag + world.draw(|rng| rng.below(3) * MS)),
    };
    let limits = limits(world, plan);
    let Some(row) = server.at(key, now - lag) else { return Answer::Absent { version: None, age, limits } };
    match &row.value {
        None => {
            let versioned = plan.has_versions() && !plan.has(Fault::UnversionedDeletes);
            Answer::Absent { version: versioned.then(|| Version::new(row.version)), age, limits }
        }
        Some(_) if known.is_some_and(|known| is_known(plan.validators, row, known)) => {
            let omitted = world.strikes(Fault::LimitsOmitted);
            Answer::Unchanged { age, limits: (!omitted).then_some(limits) }
        }
        Some(value) => Answer::Value {
            value: value.clone(),
            validator: validator(plan.validators, row.version),
            last_modified_at: Some(row.at / MS),
            age,
            limits,
        },
    }
}

fn limits(world: &World, plan: &Plan) -> Limits {
    let mut limits = Limits { no_store: world.strikes(Fault::NoStore), ..Limits::default() };
    if world.strikes(Fault::NoCache) {
        limits.staleness_bound = Some(Duration::ZERO);
    } else if world.strikes(Fault::TighterBound) {
        let share = world.draw(|rng| rng.between(1, 12)) as u32;
        limits.staleness_bound = Some(plan.options.staleness_bound * share / 10);
    }
    if world.strikes(Fault::NoDegraded) {
        limits.outage_bound = Some(Duration::ZERO);
    }
    limits
}
