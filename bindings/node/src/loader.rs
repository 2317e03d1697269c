//! Loaders: an origin that is a JavaScript function.
//!
//! Core calls on its runtime thread; the call goes into the mailbox of an
//! environment and is answered there ([`crate::loads`]). A shared cache may
//! have loaders in several environments: the first that is alive is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgecmp::Code;
use edgecmp::origin::callback::{HostOrigin, Operation, OriginCall, Responder};

use crate::mailbox::{Event, Mailbox};

const ENDED: &str = "the JavaScript environment that runs the loader has ended";

/// The way to one loader.
pub(crate) struct Route {
    pub(crate) mailbox: Arc<Mailbox>,
    /// Names the loader in its environment.
    pub(crate) loader: u32,
    /// It has a writer too.
    pub(crate) writable: bool,
}

/// Names a route.
pub(crate) struct RouteId(Arc<Mailbox>, u32);

impl Route {
    pub(crate) fn id(&self) -> RouteId {
        RouteId(Arc::clone(&self.mailbox), self.loader)
    }

    fn is(&self, id: &RouteId) -> bool {
        Arc::ptr_eq(&self.mailbox, &id.0) && self.loader == id.1
    }
}

/// The loaders of one cache, those opened first in front.
pub(crate) struct Loaders(Mutex<Vec<Route>>);

impl Loaders {
    pub(crate) fn new(route: Route) -> Self {
        Self(Mutex::new(vec![route]))
    }

    fn routes(&self) -> MutexGuard<'_, Vec<Route>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, route: Route) {
        self.routes().push(route);
    }

    pub(crate) fn remove(&self, id: &RouteId) {
        self.routes().retain(|route| !route.is(id));
    }
}

impl HostOrigin for Loaders {
    fn call(&self, call: OriginCall) {
        let is_read = matches!(call.operation, Operation::Fetch { .. });
        let mut call = call;
        for route in self.routes().iter().filter(|route| is_read || route.writable) {
            match route.mailbox.push(Event::Load { loader: route.loader, call }) {
                Err(Event::Load { call: back, .. }) => call = back,
                _ => return,
            }
        }
        environment_ended(call.responder);
    }

    fn is_writable(&self) -> bool {
        self.routes().iter().any(|route| route.writable)
    }
}

/// Answers a call that no environment is left to answer.
pub(crate) fn environment_ended(responder: Responder) {
    responder.fail(Code::OriginUnavailable, ENDED);
}
