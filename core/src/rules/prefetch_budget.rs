//! What prefetches that nobody reads may cost: a share of the keys that the origin
//! is asked for.

/// Keys that may be asked for nobody before there is a share to speak of.
const FREE: f64 = 16.0;
/// Keys of which the share is taken: the last so many, and half as many before.
const WINDOW: f64 = 8192.0;

/// The account.
#[derive(Clone, Copy, Debug)]
pub struct PrefetchBudget {
    share: f64,
    asked: f64,
    unread: f64,
}

impl PrefetchBudget {
    /// `percent` of all keys asked.
    pub fn new(percent: u64) -> Self {
        Self { share: percent as f64 / 100.0, asked: 0.0, unread: 0.0 }
    }

    /// So many keys were asked of the origin.
    pub fn asked(&mut self, keys: usize) {
        self.asked += keys as f64;
        if self.asked > WINDOW {
            self.asked /= 2.0;
            self.unread /= 2.0;
        }
    }

    /// Whether another key may be asked for that nobody has read since it was last;
    /// takes it.
    pub fn withdraw(&mut self) -> bool {
        let free = if self.share > 0.0 { FREE } else { 0.0 };
        let granted = self.unread < free + self.share * self.asked;
        self.unread += f64::from(u8::from(granted));
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_prefetches_are_a_share_of_what_is_asked() {
        let mut budget = PrefetchBudget::new(10);
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 16);
        let mut granted = 0;
        for _ in 0..100_000 {
            budget.asked(1);
            granted += usize::from(budget.withdraw());
        }
        assert!((9_900..=10_400).contains(&granted), "{granted}");
        assert!(!PrefetchBudget::new(0).withdraw());
    }
}
