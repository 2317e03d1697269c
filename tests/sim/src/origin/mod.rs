//! The simulated system of record, and the network between it and the nodes.

mod answer;
mod link;
mod network;
mod server;

pub use link::Link;
pub use network::Weather;
pub use server::{Row, Server};
