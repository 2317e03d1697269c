//! Timers in virtual time. They run by the monotonic clock, which stands
//! still in suspend, as a kernel's do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Nanos, World};

/// Ready once the monotonic clock has moved on by the time asked for.
#[derive(Debug)]
pub struct Sleep {
    world: Arc<World>,
    until: Nanos,
    /// Its place among timers that end at the same time.
    number: Option<u64>,
}

impl World {
    /// Sleeps for so long, at the least.
    pub fn sleep(self: &Arc<Self>, nanos: Nanos) -> Sleep {
        let until = self.state().monotonic.saturating_add(nanos);
        Sleep { world: Arc::clone(self), until, number: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let mut state = self.world.state();
        if state.monotonic >= until {
            return Poll::Ready(());
        }
        let number = state.schedule.set_timer(until, self.number, cx.waker());
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.world.state().schedule.clear_timer(self.until, number);
        }
    }
}
