//! A cache keeps its promise whatever becomes of its lease store: no answer is older
//! than its bound, no read fails, and leases are used again within two seconds of the
//! store's return. The origin is the reference origin, the judge the oracle.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

mod etcd;
mod fault;
mod fleet;
mod origin;
mod redis;
