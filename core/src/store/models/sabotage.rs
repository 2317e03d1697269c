//! The models can fail: without any one of the protocol's fences one does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::reclaiming::{another_shard_moves_the_epoch, reader_beside_a_writer};
use super::{PREEMPTIONS, model};
use crate::store::reclaim::Fence;
use crate::store::reclaim::left_out::without;

fn fails(without_these: &'static [Fence], threads: fn()) {
    let run = AssertUnwindSafe(|| without(without_these, || model(PREEMPTIONS, threads)));
    let panic = catch_unwind(run).expect_err("the model does not see that a fence is missing");
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(said.contains("use after free") || said.contains("Causality violation"), "{said}");
}

#[test]
fn without_the_fence_of_the_reader() {
    fails(&[Fence::Reader], reader_beside_a_writer);
}

#[test]
fn without_a_fence_before_the_look_at_the_pins() {
    fails(&[Fence::Tag, Fence::OldestPin], reader_beside_a_writer);
}

#[test]
fn without_the_fence_before_the_tag() {
    fails(&[Fence::Tag], another_shard_moves_the_epoch);
}
