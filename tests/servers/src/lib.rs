//! Real servers for tests: etcd clusters, Redis, and a network that can be cut.
//!
//! They listen on the loopback interface, keep their data in a temporary directory,
//! and end with the test, however that ends.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

mod administrator;
mod certificates;
mod cut;
mod etcd;
mod node;
mod process;
mod redis;
mod turn;

pub use administrator::{ROOT, ROOT_PASSWORD};
pub use certificates::Certificates;
pub use cut::Cut;
pub use etcd::{EtcdCluster, EtcdOptions, block_on};
pub use node::{LATEST, Lost, Node, PATIENCE, What, poll, poll_async, recovery};
pub use process::free_port;
pub use redis::{Redis, RedisOptions};
pub use turn::turn;
