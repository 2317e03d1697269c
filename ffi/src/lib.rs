//! The C ABI of edgecmp: `include/edgecmp.h` is printed from this crate.
//!
//! One C "class" per file, the machinery apart. The contract for callers is
//! the head of the header (`cbindgen.toml`); the contract for this crate:
//!
//! - Every export runs inside [`boundary`]: a panic becomes `INTERNAL`.
//! - The signature says who owns what: `Option<&T>` borrows and may be NULL,
//!   `Option<Box<T>>` takes, `Option<&mut MaybeUninit<*mut T>>` gives.
//! - Raw memory is touched in [`pointers`] and [`sized`], nowhere else.
//! - No state of this crate is thread-local or global: a caller may move
//!   between threads from one call to the next.
#![expect(non_camel_case_types, reason = "types bear the names they have in C")]
#![allow(missing_debug_implementations, reason = "no Rust code ever sees these types")]

// Machinery.
mod boundary;
mod calls;
mod pointers;
mod running;
mod sized;
mod text;

// The exports, by class.
mod cache;
mod error;
mod event;
mod options;
mod origin;
mod queue;
mod read;
mod receipt;
mod responder;
mod results;
mod start;
mod stats;
mod status;
mod value;
mod version;
mod write;
