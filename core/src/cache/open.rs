//! How a cache is opened, and opened again in a forked child.

use std::sync::Arc;

use super::opened::Opened;
use crate::engine::runtime::Runtime;
use crate::env::Env;
use crate::facts::error::{Code, Error, Result, without_credentials};
use crate::facts::options::Options;
use crate::lease_store;
use crate::origin::Origin;
use crate::origin::callback::{CallbackOrigin, HostOrigin};
use crate::origin::memory::MemoryOrigin;
use crate::work::Node;

/// What it takes to open a cache.
pub(super) enum Recipe {
    /// The origin is named by the option `origin`.
    Url(Options),
    /// The host language provides it.
    Host(Options, Arc<dyn HostOrigin>),
    /// All parts came from outside.
    Parts(Options),
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recipe").field(self.options()).finish()
    }
}

impl Recipe {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Url(options) | Self::Host(options, _) | Self::Parts(options) => options,
        }
    }

    pub(super) fn open(&self) -> Result<Opened> {
        let options = self.options();
        options.validate()?;
        let origin: Arc<dyn Origin> = match self {
            Self::Url(options) => origin_of(options)?,
            Self::Host(options, _) if !options.origin.is_empty() => {
                let allowed = "empty, because an origin of the host language was given";
                let shown = without_credentials(&options.origin);
                return Err(Error::invalid("origin", format_args!("{shown:?}"), allowed));
            }
            Self::Host(_, host) => Arc::new(CallbackOrigin::new(Arc::clone(host))),
            Self::Parts(_) => return Err(forked("its parts came from outside")),
        };
        let runtime = Arc::new(Runtime::new(options.seed));
        let env: Arc<dyn Env> = Arc::clone(&runtime) as _;
        let leases = lease_store::open(options, &env)?;
        Ok(Opened::new(Node::new(options, env, origin, leases)?, Some(runtime)))
    }

    /// Opens it in a forked child.
    pub(super) fn reopen(&self) -> Result<Opened> {
        match self {
            Self::Url(options) if options.origin.starts_with("memory:") => {
                Err(forked("its origin lives in the memory of the parent"))
            }
            Self::Url(_) => self.open(),
            Self::Host(options, host) => match host.reopened_after_fork() {
                Some(host) => Self::Host(options.clone(), host).open(),
                None => Err(forked("its origin is a function that runs in the parent")),
            },
            Self::Parts(_) => Err(forked("its parts came from outside")),
        }
    }
}

fn forked(why: &str) -> Error {
    Error::new(Code::Forked, format!("opened before the fork, and {why}: open another cache in the child"))
}

fn origin_of(options: &Options) -> Result<Arc<dyn Origin>> {
    const ALLOWED: &str = "memory:, http://host/path/{key} or https://host/path/{key}";
    let url = options.origin.as_str();
    if url == "memory:" {
        return Ok(Arc::new(MemoryOrigin::default()));
    }
    #[cfg(feature = "http")]
    if url.starts_with("http:") || url.starts_with("https:") {
        use crate::origin::http::{HttpConfig, HttpOrigin};
        return Ok(Arc::new(HttpOrigin::new(HttpConfig::from_options(options))?));
    }
    Err(Error::invalid("origin", format_args!("{:?}", without_credentials(url)), ALLOWED))
}
