//! The network: each message takes its time, or its leave.

use std::sync::{Arc, Mutex};

use edgecmp::env::BoxFuture;
use edgecmp::origin::{OriginError, OriginResult};
use tokio::sync::oneshot;

use crate::fault::Fault;
use crate::plan::Plan;
use crate::trace;
use crate::world::{MS, Nanos, Owner, World};

/// The state of origin and network, for all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    #[default]
    Fair,
    /// Slow, and often failing.
    BrownOut,
    /// Connections are refused: it is known that nothing was sent.
    Refusing,
    /// Nothing comes back, nor arrives.
    BlackHole,
}

/// What one delivery of a request gives. Called once for each copy that arrives.
pub(super) type Serve<T> = Arc<dyn Fn() -> OriginResult<T> + Send + Sync>;

/// The way between one node and the origin.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub world: Arc<World>,
    pub plan: Arc<Plan>,
    pub weather: Arc<Mutex<Weather>>,
}

impl Network {
    pub fn weather(&self) -> Weather {
        *self.weather.lock().expect("nothing panics while it holds the weather")
    }

    /// Sends a request and waits for its answer: for ever, if it gets lost.
    /// What was sent is delivered even if nobody waits any more.
    pub fn exchange<T: Send + 'static>(
        &self,
        what: String,
        serve: Serve<T>,
    ) -> BoxFuture<'static, OriginResult<T>> {
        let (sender, receiver) = oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let copies = if self.world.strikes(Fault::Duplicated) { 2 } else { 1 };
        for copy in 0..copies {
            let message =
                self.clone().deliver(what.clone(), copies, copy, Arc::clone(&serve), Arc::clone(&sender));
            self.world.spawn(Owner::Harness, message);
        }
        Box::pin(async move {
            match receiver.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        })
    }

    async fn deliver<T>(
        self,
        what: String,
        copies: usize,
        copy: usize,
        serve: Serve<T>,
        sender: Arc<Mutex<Option<oneshot::Sender<OriginResult<T>>>>>,
    ) {
        let world = &self.world;
        let answer = |answer: OriginResult<T>| {
            // The first copy that is answered is the answer.
            let sender = sender.lock().expect("nothing panics while it holds a sender").take();
            if let Some(sender) = sender {
                // The caller may have given up.
                let _ = sender.send(answer);
            }
        };
        // One copy that fails says nothing of the other.
        let blur = |error: OriginError| OriginError {
            surely_not_done: error.surely_not_done && copies == 1,
            ..error
        };
        if world.strikes(Fault::RequestLost) {
            return trace!(world, "  net {what} #{copy} lost");
        }
        world.sleep(self.delay(Fault::RequestSlow)).await;
        match self.weather() {
            Weather::Refusing => return answer(Err(blur(OriginError::not_sent("connection refused")))),
            Weather::BlackHole => return trace!(world, "  net {what} #{copy} in a black hole"),
            Weather::Fair | Weather::BrownOut => {}
        }
        let result = serve().map_err(blur);
        trace!(world, "  net {what} #{copy} served{}", if result.is_ok() { "" } else { ": refused" });
        if world.strikes(Fault::AnswerLost) {
            return trace!(world, "  net {what} #{copy} answer lost");
        }
        if world.strikes(Fault::ConnectionBroken) {
            return answer(Err(OriginError::lost("connection broken")));
        }
        world.sleep(self.delay(Fault::AnswerSlow)).await;
        match self.weather() {
            Weather::BlackHole => trace!(world, "  net {what} #{copy} answer in a black hole"),
            _ => answer(result),
        }
    }

    fn delay(&self, slow: Fault) -> Nanos {
        let (least, most) = self.plan.latency;
        if self.world.strikes(slow) {
            let origin_timeout = self.plan.options.origin_timeout.as_nanos() as Nanos;
            let bound = self.plan.options.staleness_bound.as_nanos() as Nanos;
            return self.world.draw(|rng| rng.between(MS, 2 * origin_timeout.max(bound)));
        }
        let factor = if self.weather() == Weather::BrownOut { 20 } else { 1 };
        self.world.draw(|rng| rng.between(least, most)) * factor
    }
}
