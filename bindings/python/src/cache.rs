//! `Core`: the cache as both fronts use it. `edgecmp.Cache` extends it,
//! `edgecmp.aio.Cache` holds one.
//!
//! A read first looks up with the GIL held: a hit ends there. Only a miss
//! detaches, joins the flight and then waits in slices (`get`) or leaves a
//! token behind (`start_get`). The two fronts differ in nothing else.

#![expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]

use std::time::{Duration, Instant};

use edgecmp::{Cache, Code, Hit, Moment, Pending, ReadOptions};
use edgecmp::{Reader, Renewal, Size, Started, Value, WriteOptions};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3::{PyTraverseError, intern};

use crate::arguments::{self, Given, read_options, write_options};
use crate::calls::Calls;
use crate::entry::{self, WriteReceipt};
use crate::front::Front;
use crate::{boundary, duration, errors, exit, options, wait};

/// How long `close` waits for what still runs, unless it is told otherwise.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The cache under both fronts. Every method can be called from any thread.
#[derive(Debug)]
#[pyclass(frozen, subclass, weakref, module = "edgecmp._edgecmp")]
pub struct Core {
    cache: Cache,
    loader: Option<Loader>,
    /// A read that asks for nothing special.
    plain: ReadOptions,
    front: Front,
    /// The whole of it, of which core has what `front` has not.
    capacity: Size,
}

/// The Python side of a loader: `runner.ensure_running(calls)` sees to it
/// that someone pops the calls.
#[derive(Debug)]
struct Loader {
    runner: Py<PyAny>,
    calls: Py<Calls>,
}

/// A read of one key: answered by a look-up, or on its way.
#[derive(Debug)]
pub(crate) enum Read {
    Hit(Value),
    Miss(Started<Value>),
}

impl Core {
    /// The entries kept by their key objects, for [`crate::fast`].
    #[inline]
    pub(crate) fn front(&self) -> &Front {
        &self.front
    }

    pub(crate) fn read(&self, key: &Bound<'_, PyAny>, read: &ReadOptions) -> PyResult<Read> {
        let py = key.py();
        let key = arguments::key(key)?;
        if let Some(value) = self.hit(py, &key, read)? {
            return Ok(Read::Hit(value));
        }
        self.miss(py, &key, read).map(Read::Miss)
    }

    fn hit(&self, py: Python<'_>, key: &[u8], read: &ReadOptions) -> PyResult<Option<Value>> {
        boundary::attached(py, || Ok(self.cache.lookup(key, read)?.map(Hit::into_value)))
    }

    fn miss(&self, py: Python<'_>, key: &[u8], read: &ReadOptions) -> PyResult<Started<Value>> {
        self.ensure_loader(py)?;
        boundary::detached(py, || self.cache.start_get(key, read))
    }

    /// `lookup` with nothing but a key, for [`crate::fast`]; `reader`: where there is a GIL.
    #[inline]
    pub(crate) fn plain_hit(
        &self,
        reader: Option<&mut Reader>,
        key: &[u8],
    ) -> edgecmp::Result<Option<Value>> {
        boundary::guarded(|| match reader {
            Some(reader) => self.cache.lookup_by(reader, key),
            None => Ok(self.cache.lookup(key, &self.plain)?.map(Hit::into_value)),
        })
    }

    /// Begins to renew a kept value; `None`: look it up.
    #[inline]
    pub(crate) fn moment<'a>(&'a self, reader: &'a mut Reader, renewal: &Renewal) -> Option<Moment<'a>> {
        self.cache.moment(reader, renewal)
    }

    /// The rest of a `get` with nothing but a key, once there was no hit.
    pub(crate) fn plain_miss<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let started = self.miss(py, key, &self.plain)?;
        entry::of(py, wait::finish(py, started)?)
    }

    pub(crate) fn read_many(
        &self,
        keys: &Bound<'_, PyAny>,
        read: &ReadOptions,
    ) -> PyResult<Started<Vec<edgecmp::Result<Value>>>> {
        self.start_many(keys.py(), arguments::keys(keys)?.iter(), read)
    }

    fn start_many<'a, 'py: 'a>(
        &self,
        py: Python<'py>,
        keys: impl Iterator<Item = &'a Bound<'py, PyAny>>,
        read: &ReadOptions,
    ) -> PyResult<Started<Vec<edgecmp::Result<Value>>>> {
        let keys = keys.map(arguments::key).collect::<PyResult<Vec<_>>>()?;
        if keys.is_empty() {
            return boundary::attached(py, || self.cache.start_get_many(&keys, read));
        }
        self.ensure_loader(py)?;
        boundary::detached(py, || self.cache.start_get_many(&keys, read))
    }

    /// A write, or without a value a delete.
    pub(crate) fn write(
        &self,
        key: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        write: &WriteOptions,
    ) -> PyResult<Pending<edgecmp::WriteReceipt>> {
        let py = key.py();
        let key = arguments::key(key)?;
        let value = value.map(arguments::value).transpose()?;
        self.ensure_loader(py)?;
        boundary::detached(py, || match &value {
            Some(value) => self.cache.start_set(&key, value, write),
            None => self.cache.start_delete(&key, write),
        })
    }

    /// Closes core, whether everything ended. Signal handlers run meanwhile.
    fn close_core(&self, py: Python<'_>, timeout: Duration) -> PyResult<bool> {
        // Nothing of it runs in this process.
        let unless_forked = |closed: edgecmp::Result<bool>| match closed {
            Err(error) if error.code() == Code::Forked => Ok(true),
            closed => closed,
        };
        let started = Instant::now();
        boundary::detached(py, || unless_forked(self.cache.begin_close(timeout).map(|()| false)))?;
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            let ended = boundary::detached(py, || unless_forked(self.cache.close(left.min(wait::SLICE))))?;
            if ended || left.is_zero() {
                return Ok(ended);
            }
            py.check_signals()?;
        }
    }

    /// A loader's threads start at first need, and again in a forked child.
    fn ensure_loader(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(Loader { runner, calls }) = &self.loader {
            exit::calling(py, || runner.call_method1(py, intern!(py, "ensure_running"), (calls,)))?;
        }
        Ok(())
    }
}

/// Whether a look-up now would find this value again; then its receipt is of now.
#[inline]
pub(crate) fn renew(moment: Moment<'_>, value: &mut Value, renewal: &mut Renewal) -> bool {
    boundary::guarded(|| Ok(moment.renew(value, renewal))).unwrap_or(false)
}

#[pymethods]
impl Core {
    #[new]
    #[pyo3(signature = (options, runner=None, writable=false))]
    fn new(options: &Bound<'_, PyDict>, runner: Option<Py<PyAny>>, writable: bool) -> PyResult<Self> {
        let py = options.py();
        let mut options = options::extract(options)?;
        options.validate().map_err(|error| errors::raised(py, &error))?;
        let (capacity, plain) = (options.capacity, ReadOptions::default());
        let budget = Front::budget(capacity.0);
        let front = Front::new(budget);
        options.capacity = Size(capacity.0 - budget);
        let Some(runner) = runner else {
            let cache = boundary::detached(py, || Cache::open(options))?;
            return Ok(Self { cache, loader: None, plain, front, capacity });
        };
        let threads = options.loader_threads;
        let calls = boundary::detached(py, || Calls::new(threads))?;
        let origin = calls.origin(writable);
        let cache = boundary::detached(py, || Cache::open_with_origin(options, origin))?;
        let loader = Loader { runner, calls: Py::new(py, calls)? };
        Ok(Self { cache, loader: Some(loader), plain, front, capacity })
    }

    /// Reads a key.
    ///
    /// Waits for the origin only if nothing within the bound is cached; other
    /// threads run meanwhile, and signal handlers (Ctrl-C) too. A key that the
    /// origin does not have gives an Entry with found False.
    ///
    /// Raises DeadlineExceededError after timeout (default: read_timeout), and
    /// any other Error of the origin, if the bound can't be met.
    #[pyo3(signature = (key, *, staleness_bound=None, widen=false, outage_bound=None, min_version=None, timeout=None, traceparent=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        staleness_bound: Given<'_, 'py>,
        widen: bool,
        outage_bound: Given<'_, 'py>,
        min_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let read = read_options(staleness_bound, widen, outage_bound, min_version, timeout, traceparent)?;
        let value = match self.read(key, &read)? {
            Read::Hit(value) => value,
            Read::Miss(started) => wait::finish(py, started)?,
        };
        entry::of(py, value)
    }

    /// Reads many keys, all misses in one request where the origin can compare.
    ///
    /// Returns a list in the order of keys. The first failed key is raised,
    /// unless return_exceptions puts the exceptions into the list.
    #[pyo3(signature = (keys, *, return_exceptions=false, staleness_bound=None, widen=false, outage_bound=None, min_version=None, timeout=None, traceparent=None))]
    fn get_many<'py>(
        &self,
        keys: &Bound<'py, PyAny>,
        return_exceptions: bool,
        staleness_bound: Given<'_, 'py>,
        widen: bool,
        outage_bound: Given<'_, 'py>,
        min_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = keys.py();
        let read = read_options(staleness_bound, widen, outage_bound, min_version, timeout, traceparent)?;
        if read != self.plain {
            let started = self.read_many(keys, &read)?;
            return entry::list(py, wait::finish(py, started)?, return_exceptions);
        }
        let keys = arguments::keys(keys)?;
        let mut entries: Vec<_> = keys.iter().map(|key| self.front.found(self, key)).collect();
        let rest = || keys.iter().zip(&entries).filter(|(_, entry)| entry.is_none()).map(|(key, _)| key);
        let started = match self.start_many(py, rest(), &read) {
            // Anew for all keys: the error may say which of them.
            Err(_) => self.start_many(py, keys.iter(), &read)?,
            Ok(started) => started,
        };
        let answers = entry::list(py, wait::finish(py, started)?, return_exceptions)?;
        if answers.len() == keys.len() {
            entries.fill(None);
        }
        let places = keys.iter().zip(&mut entries).filter(|(_, entry)| entry.is_none());
        for ((key, place), answer) in places.zip(answers) {
            self.front.offer(key, &answer);
            *place = Some(answer);
        }
        PyList::new(py, entries)
    }

    /// Looks a key up without waiting and without asking the origin: the Entry
    /// that a `get` would find within its bound, else None.
    #[pyo3(signature = (key, *, staleness_bound=None, widen=false, outage_bound=None, min_version=None))]
    fn lookup<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        staleness_bound: Given<'_, 'py>,
        widen: bool,
        outage_bound: Given<'_, 'py>,
        min_version: Given<'_, 'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = key.py();
        let read = read_options(staleness_bound, widen, outage_bound, min_version, None, None)?;
        self.hit(py, &arguments::key(key)?, &read)?.map(|value| entry::of(py, value)).transpose()
    }

    /// Writes a value through to the origin; returns once the origin has committed.
    ///
    /// Raises UnknownOutcomeError if no answer came within timeout (default:
    /// write_timeout): it carries the idempotency_key with which the same
    /// write can be tried again safely. With if_version it writes only over
    /// that version (ConflictError otherwise).
    #[pyo3(signature = (key, value, *, idempotency_key=None, if_version=None, timeout=None, traceparent=None))]
    fn set(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        idempotency_key: Option<&str>,
        if_version: Given<'_, '_>,
        timeout: Given<'_, '_>,
        traceparent: Given<'_, '_>,
    ) -> PyResult<WriteReceipt> {
        let write = write_options(idempotency_key, if_version, timeout, traceparent)?;
        wait::wait_for_write(key.py(), self.write(key, Some(value), &write)?).map(Into::into)
    }

    /// Deletes a key at the origin. Arguments and errors are those of `set`.
    #[pyo3(signature = (key, *, idempotency_key=None, if_version=None, timeout=None, traceparent=None))]
    fn delete(
        &self,
        key: &Bound<'_, PyAny>,
        idempotency_key: Option<&str>,
        if_version: Given<'_, '_>,
        timeout: Given<'_, '_>,
        traceparent: Given<'_, '_>,
    ) -> PyResult<WriteReceipt> {
        let write = write_options(idempotency_key, if_version, timeout, traceparent)?;
        wait::wait_for_write(key.py(), self.write(key, None, &write)?).map(Into::into)
    }

    /// The next read of the key asks the origin.
    fn invalidate(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = key.py();
        let key = arguments::key(key)?;
        boundary::detached(py, || self.cache.invalidate(&key))
    }

    /// The statistics as a dict of name to number; docs/statistics.md says what they mean.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = boundary::detached(py, || self.cache.statistics())?;
        let stats = PyDict::new(py);
        for (row, value) in edgecmp::STATISTICS.iter().zip(statistics.values()) {
            stats.set_item(row.name, value)?;
        }
        Ok(stats)
    }

    /// The statistics in Prometheus' text format.
    fn metrics_text(&self, py: Python<'_>) -> PyResult<String> {
        boundary::detached(py, || Ok(self.cache.statistics()?.metrics_text()))
    }

    /// The options in force as a dict of name to text; secrets as "***".
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let options = PyDict::new(py);
        let mut given = self.cache.options().clone();
        given.capacity = self.capacity;
        for row in edgecmp::OPTIONS {
            let text = boundary::attached(py, || given.get(row.name))?;
            options.set_item(row.name, text)?;
        }
        Ok(options)
    }

    /// Ends what runs in the background; calls raise ClosedError from now on.
    ///
    /// Writes in progress get at most timeout (default 5 s) to end, and a
    /// loader's running calls as long again. True: everything ended; False:
    /// something still runs. Can be called again. Entries stay valid.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Given<'_, '_>) -> PyResult<bool> {
        let timeout = duration::extract_optional("timeout", timeout)?.unwrap_or(CLOSE_TIMEOUT);
        // Core first: the writes that it waits for need the loader.
        let ended = self.close_core(py, timeout)?;
        let Some(Loader { runner, calls }) = &self.loader else { return Ok(ended) };
        calls.get().close();
        let stopped = runner.call_method1(py, intern!(py, "stop"), (timeout.as_secs_f64(),))?;
        Ok(ended && stopped.extract(py)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A loader often closes over its own cache: the collector has to see it.
        self.loader.as_ref().map_or(Ok(()), |loader| visit.call(&loader.runner))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(loader) = &self.loader {
            // The loader's threads hold `calls`, not the cache: they end now.
            loader.calls.get().close();
        }
    }
}
