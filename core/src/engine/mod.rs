//! The engine: one runtime thread, wake-ups, the completion queue, fork.

pub mod loader_pool;
pub mod queue;
pub mod runtime;
pub mod signals;
pub mod wake;
