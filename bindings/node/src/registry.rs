//! Caches shared by name among the environments of a process.
//!
//! The one state of this crate that belongs to no environment, and it holds
//! nothing of any: a cache of core and, if it has loaders, the list of
//! mailboxes through which they can be reached.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use edgecmp::{Cache, Code, Error, OPTIONS, Options, Result};

use crate::loader::{Loaders, Route, RouteId};

/// A cache that is open, for one environment or, by its name, for several.
pub(crate) struct Opened {
    cache: Cache,
    loaders: Option<Arc<Loaders>>,
}

/// What an environment asks for.
pub(crate) struct Request {
    pub(crate) name: Option<String>,
    pub(crate) options: Options,
    /// Whether any option was given: a name alone joins whatever is open.
    pub(crate) has_options: bool,
    pub(crate) route: Option<Route>,
}

/// One environment's share of a cache. The last one given up closes it.
pub(crate) struct Lease {
    opened: Arc<Opened>,
    /// The loader that this environment brought.
    route: Option<RouteId>,
}

type Registry = HashMap<String, Weak<Opened>>;

static SHARED: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// Opens a cache, or joins the one that is open under the name.
pub(crate) fn open(request: Request) -> Result<Lease> {
    let route = request.route.as_ref().map(Route::id);
    let Some(name) = request.name.clone() else {
        return Ok(Lease { opened: Arc::new(open_new(request)?), route });
    };
    // Held while a cache is opened: two environments that ask for one name at
    // the same moment get the same cache. Opening waits for no network.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(opened) = shared.get(&name).and_then(Weak::upgrade) {
        join(&opened, &name, request)?;
        return Ok(Lease { opened, route });
    }
    let opened = Arc::new(open_new(request)?);
    shared.retain(|_, cache| cache.strong_count() > 0);
    shared.insert(name, Arc::downgrade(&opened));
    Ok(Lease { opened, route })
}

fn open_new(request: Request) -> Result<Opened> {
    let Some(route) = request.route else {
        return Ok(Opened { cache: Cache::open(request.options)?, loaders: None });
    };
    let loaders = Arc::new(Loaders::new(route));
    let cache = Cache::open_with_origin(request.options, Arc::clone(&loaders) as _)?;
    Ok(Opened { cache, loaders: Some(loaders) })
}

fn join(opened: &Opened, name: &str, request: Request) -> Result<()> {
    if request.has_options {
        agree(name, opened.cache.options(), &request.options)?;
    }
    match (request.route, &opened.loaders) {
        (None, _) => Ok(()),
        (Some(route), Some(loaders)) => {
            loaders.add(route);
            Ok(())
        }
        (Some(_), None) => Err(Error::invalid(
            "loader",
            "a function",
            &format!("none: the shared cache {name:?} has an origin by URL"),
        )),
    }
}

fn agree(name: &str, open: &Options, asked: &Options) -> Result<()> {
    if open == asked {
        return Ok(());
    }
    for option in OPTIONS {
        let (ours, theirs) = (open.get(option.name)?, asked.get(option.name)?);
        if ours != theirs {
            let allowed = format!("{ours}, with which the shared cache {name:?} is open");
            return Err(Error::invalid(option.name, theirs, &allowed));
        }
    }
    // Two secrets look alike when they are shown.
    let message = format!("a secret option differs from that with which the shared cache {name:?} is open");
    Err(Error::new(Code::InvalidArgument, message))
}

impl Lease {
    /// The cache.
    pub(crate) fn cache(&self) -> &Cache {
        &self.opened.cache
    }

    /// Gives the share up. The last one ends the cache at once: what is in
    /// progress is cancelled.
    pub(crate) fn give_up(self) {
        self.leave();
    }

    /// Gives the share up. The last one closes the cache and waits at most
    /// `timeout` for what is in progress. Blocks. True unless something still runs.
    pub(crate) fn close(self, timeout: Duration) -> Result<bool> {
        self.leave();
        Arc::into_inner(self.opened).map_or(Ok(true), |opened| opened.cache.close(timeout))
    }

    fn leave(&self) {
        if let (Some(loaders), Some(route)) = (&self.opened.loaders, &self.route) {
            loaders.remove(route);
        }
    }
}
