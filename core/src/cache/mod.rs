//! The facade: open, lookup, get, set, delete, close.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::env::Env;
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::facts::fork;
use crate::facts::options::Options;
use crate::facts::receipt::{Receipt, Value, WriteReceipt};
use crate::facts::statistics::Statistics;
use crate::facts::thread;
use crate::facts::trace::TraceContext;
use crate::lease_store::LeaseStore;
use crate::origin::Origin;
use crate::origin::callback::HostOrigin;
use crate::rules::freshness::ReadBounds;
use crate::work::{Node, write};

mod arguments;
mod many;
mod open;
mod opened;
mod outage;
mod pending;
mod read;
mod reader;
mod writing;

pub use arguments::{ReadOptions, WriteOptions};
pub use pending::{Pending, Started};
pub use read::{Hit, HitRef};
pub use reader::{Moment, Reader, Renewal};

use many::ReadingMany;
use open::Recipe;
use opened::Opened;
use read::Reading;

/// An edge cache node: one origin, one set of bounds.
///
/// Shared by reference between any number of threads. Dropping it closes it
/// without waiting. In a forked child it reopens itself empty, or every call
/// says [`Code::Forked`]; see [`Cache::open_with_origin`].
#[derive(Debug)]
pub struct Cache {
    opened: Opened,
    recipe: Recipe,
}

/// The parts of a cache under simulation, or under a host's own scheduler.
pub struct Parts {
    /// Time, tasks and chance.
    pub env: Arc<dyn Env>,
    /// The system of record.
    pub origin: Arc<dyn Origin>,
    /// Where leases are kept.
    pub leases: Arc<dyn LeaseStore>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens a cache over the origin that the option `origin` names. No thread
    /// is started and nothing is sent before the first miss.
    pub fn open(options: Options) -> Result<Self> {
        Self::from_recipe(Recipe::Url(options))
    }

    /// Opens a cache over a host-language origin. In a forked child the cache
    /// reopens with [`HostOrigin::reopened_after_fork`], or says [`Code::Forked`].
    pub fn open_with_origin(options: Options, origin: Arc<dyn HostOrigin>) -> Result<Self> {
        Self::from_recipe(Recipe::Host(options, origin))
    }

    /// Opens a cache of these parts: deterministic, if they are. It starts no
    /// thread; blocking calls work only if something else runs its tasks.
    pub fn open_with_parts(options: Options, parts: Parts) -> Result<Self> {
        options.validate()?;
        let node = Node::new(&options, parts.env, parts.origin, parts.leases)?;
        Ok(Self::from_opened(Recipe::Parts(options), Opened::new(node, None)))
    }

    fn from_recipe(recipe: Recipe) -> Result<Self> {
        fork::watch();
        let opened = recipe.open()?;
        Ok(Self::from_opened(recipe, opened))
    }

    fn from_opened(recipe: Recipe, opened: Opened) -> Self {
        Self { opened, recipe }
    }

    /// Looks into the cache only: never blocks, never waits for the origin. A
    /// hit past `refresh_after` asks for a background refresh.
    #[inline(always)]
    pub fn lookup(&self, key: &[u8], read: &ReadOptions) -> Result<Option<Hit<'_>>> {
        self.lookup_at(self.opened.node.latest(), key, read)
    }

    /// [`Cache::lookup`] with arguments that come from `arguments`, or no look-up if it
    /// fails: for hosts that have to check them first.
    ///
    /// The processor's counter is not read before all that comes before it is done: so
    /// it is read first, and what a host checks overlaps with the look-up.
    #[inline(always)]
    pub fn lookup_with<'k, E: From<Error>>(
        &self,
        arguments: impl FnOnce() -> std::result::Result<(&'k [u8], &'k ReadOptions), E>,
    ) -> std::result::Result<Option<Hit<'_>>, E> {
        let now = self.opened.node.latest();
        let (key, read) = arguments()?;
        Ok(self.lookup_at(now, key, read)?)
    }

    #[inline(always)]
    fn lookup_at(&self, now: Instant, key: &[u8], read: &ReadOptions) -> Result<Option<Hit<'_>>> {
        let opened = &self.opened;
        // The way of nearly all look-ups, with nothing else beside it.
        if opened.is_own() && !opened.is_closed() && read.is_plain() && opened.node.policy.fits(key) {
            return Ok(read::probe(&opened.node, key, &ReadBounds::NONE, now));
        }
        self.lookup_asked(now, key, read)
    }

    #[inline(never)]
    fn lookup_asked(&self, now: Instant, key: &[u8], read: &ReadOptions) -> Result<Option<Hit<'_>>> {
        self.with(|opened| {
            let bounds = read.bounds()?;
            arguments::check_key(&opened.node.policy, "key", key)?;
            Ok(read::probe(&opened.node, key, &bounds, now))
        })
    }

    /// [`Cache::lookup`], with no options, of the key of a value that a read of
    /// *this* cache returned: the receipt of now, if that is the value it would
    /// return again. `None` otherwise, also on a closed cache: then look the key
    /// up. For hosts to which a key costs more than a look-up.
    #[inline]
    pub fn lookup_again(&self, value: &Value) -> Option<Receipt> {
        if !self.opened.is_own() || self.opened.is_closed() {
            return None;
        }
        let number = thread::number().unwrap_or(usize::MAX);
        Some(read::see_again(&self.opened.node, number, &value.entry)?.receipt(&value.entry))
    }

    /// [`Cache::lookup`] for many keys, which `show` is given one after another,
    /// each with its index. For keys that are not in the processor's cache it
    /// takes a third of the time of as many single look-ups. `show` runs under
    /// one guard for all: it copies what it needs, and does not wait.
    pub fn lookup_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        read: &ReadOptions,
        show: impl FnMut(usize, Option<HitRef<'_>>),
    ) -> Result<()> {
        self.with(|opened| {
            let bounds = read.bounds()?;
            arguments::check_keys(&opened.node.policy, keys)?;
            read::probe_many(&opened.node, keys, &bounds, show);
            Ok(())
        })
    }

    /// Reads a key: [`Started::Ready`] if the cache may answer, else the wait
    /// for the origin. A key that the origin does not have is a value without
    /// bytes, not an error.
    pub fn start_get(&self, key: &[u8], read: &ReadOptions) -> Result<Started<Value>> {
        match self.lookup(key, read)? {
            Some(hit) => Ok(Started::Ready(hit.into_value())),
            None => Ok(Started::Pending(self.start_missed(key, read)?)),
        }
    }

    /// The wait for the origin's answer to a read that [`Cache::lookup`] has let pass.
    #[inline(never)]
    fn start_missed(&self, key: &[u8], read: &ReadOptions) -> Result<Pending<Value>> {
        self.with(|opened| {
            let deadline = read.deadline(&opened.node);
            let reading = Reading::start(&opened.node, key, read.bounds()?, read.trace.clone(), deadline);
            Ok(Pending::new(&opened.node.env, deadline, Box::new(reading)))
        })
    }

    /// Reads many keys; the misses are asked in as few requests as possible.
    /// The answers are in the order of the keys, one error or value each.
    pub fn start_get_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        read: &ReadOptions,
    ) -> Result<Started<Vec<Result<Value>>>> {
        self.start_many(keys, read, ReadingMany::start)
    }

    fn start_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        read: &ReadOptions,
        start: impl FnOnce(
            &Arc<Node>,
            &[K],
            ReadBounds,
            Option<&TraceContext>,
            Instant,
        ) -> std::result::Result<Vec<Result<Value>>, ReadingMany>,
    ) -> Result<Started<Vec<Result<Value>>>> {
        self.with(|opened| {
            let bounds = read.bounds()?;
            arguments::check_keys(&opened.node.policy, keys)?;
            let deadline = read.deadline(&opened.node);
            match start(&opened.node, keys, bounds, read.trace.as_ref(), deadline) {
                Ok(values) => Ok(Started::Ready(values)),
                Err(reading) => {
                    Ok(Started::Pending(Pending::new(&opened.node.env, deadline, Box::new(reading))))
                }
            }
        })
    }

    /// Writes a value through to the origin. Success means that the origin has
    /// committed; [`Code::UnknownOutcome`] carries the idempotency key with
    /// which a retry is safe. Any other error: this call did not write, as with
    /// [`Code::DeadlineExceeded`], when it got no place to the origin in time.
    pub fn start_set(
        &self,
        key: &[u8],
        value: &[u8],
        options: &WriteOptions,
    ) -> Result<Pending<WriteReceipt>> {
        self.with(|opened| {
            arguments::check_value(&opened.node.policy, value)?;
            opened.start_write(key, Some(Bytes::copy_from_slice(value)), options)
        })
    }

    /// Deletes a key at the origin; as [`Cache::start_set`].
    pub fn start_delete(&self, key: &[u8], options: &WriteOptions) -> Result<Pending<WriteReceipt>> {
        self.with(|opened| opened.start_write(key, None, options))
    }

    /// Reads a key, waiting for the origin if the cache may not answer.
    #[inline]
    pub fn get(&self, key: &[u8], read: &ReadOptions) -> Result<Value> {
        // What is a hit does not go through what a wait would need.
        match self.lookup(key, read)? {
            Some(hit) => Ok(hit.into_value()),
            None => self.start_missed(key, read)?.wait(),
        }
    }

    /// Reads many keys; see [`Cache::start_get_many`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K], read: &ReadOptions) -> Result<Vec<Result<Value>>> {
        self.start_get_many(keys, read)?.wait()
    }

    /// [`Cache::get_many`] of keys that [`Cache::lookup_many`] has just shown to be
    /// missed with the same options: both together are one read, and count as one.
    pub fn get_missed<K: AsRef<[u8]>>(&self, keys: &[K], read: &ReadOptions) -> Result<Vec<Result<Value>>> {
        self.start_many(keys, read, ReadingMany::start_missed)?.wait()
    }

    /// Writes a value and waits; see [`Cache::start_set`].
    pub fn set(&self, key: &[u8], value: &[u8], options: &WriteOptions) -> Result<WriteReceipt> {
        self.start_set(key, value, options)?.wait()
    }

    /// Deletes a key and waits; see [`Cache::start_set`].
    pub fn delete(&self, key: &[u8], options: &WriteOptions) -> Result<WriteReceipt> {
        self.start_delete(key, options)?.wait()
    }

    /// Forgets what is cached of a key: the next read asks the origin, and an
    /// answer that is on its way does not count.
    pub fn invalidate(&self, key: &[u8]) -> Result<()> {
        self.with(|opened| {
            let key = arguments::check_key(&opened.node.policy, "key", key)?;
            write::forget(&opened.node, &crate::facts::key::Key::copy_from(key));
            Ok(())
        })
    }

    /// All statistics now. Works on a closed cache.
    pub fn statistics(&self) -> Result<Statistics> {
        Ok(self.current()?.node.statistics())
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        self.recipe.options()
    }

    /// Whether [`Cache::close`] was called in this process.
    pub fn is_closed(&self) -> bool {
        self.current().is_ok_and(Opened::is_closed)
    }

    /// Closes the cache: new calls fail with [`Code::Closed`], writes in
    /// progress are given `timeout` to end, reads that wait fail. True if
    /// everything has ended; false if something still runs (it is left to end
    /// by itself). Values outlive the cache. A second call only waits again.
    pub fn close(&self, timeout: Duration) -> Result<bool> {
        Ok(self.current()?.close(timeout))
    }

    /// [`Cache::close`] without the wait: for a caller that has to look up
    /// meanwhile, and then waits by calling `close` as often as it likes.
    pub fn begin_close(&self, timeout: Duration) -> Result<()> {
        self.current()?.begin_close(timeout);
        Ok(())
    }

    /// Runs a call on the cache of this process, unless it is closed.
    #[inline]
    fn with<'a, T>(&'a self, call: impl FnOnce(&'a Opened) -> Result<T>) -> Result<T> {
        let opened = self.current()?;
        if opened.is_closed() {
            return Err(closed());
        }
        call(opened)
    }

    #[inline]
    fn current(&self) -> Result<&Opened> {
        if self.opened.is_own() {
            return Ok(&self.opened);
        }
        self.opened.of_this_process(|| self.recipe.reopen())
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.opened.end();
    }
}

#[cold]
fn closed() -> Error {
    Error::new(Code::Closed, "the cache was closed")
}

/// The latest instant a call that begins now and takes `timeout` may end.
fn deadline_after(node: &Node, timeout: Duration) -> Instant {
    node.now().after(timeout)
}

#[cfg(test)]
mod tests;
