//! The port to the change stream: ordered announcements of the origin's writes.
//!
//! Pull mode needs none, and no adapter exists yet. The port stands here so
//! that what will feed it keeps the arrows: adapters bring announcements, the
//! coordination layer decides what they prove.

use crate::env::BoxFuture;
use crate::facts::error::Result;
use crate::facts::key::Key;
use crate::facts::version::Version;

/// A place in the change stream; ordered within one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The origin wrote this version of a key.
    Written {
        /// Where in the stream.
        position: Position,
        /// The key.
        key: Key,
        /// Its new version.
        version: Version,
        /// The new value, if the stream carries values.
        value: Option<bytes::Bytes>,
    },
    /// The stream cannot say what it missed: a new epoch begins, nothing is covered.
    Gap,
}

/// Where announcements come from.
pub trait ChangeStream: Send + Sync + 'static {
    /// The next announcement, in order.
    fn next(&self) -> BoxFuture<'_, Result<Announcement>>;

    /// A position that the stream has surely reached by now: the answer to a
    /// linearizable question asked after this call began.
    fn position(&self) -> BoxFuture<'_, Result<Position>>;
}
