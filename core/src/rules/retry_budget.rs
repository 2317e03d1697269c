//! Retry budget: retries are a share of requests, so that an origin in trouble
//! is not asked a multiple of its normal load ("Handling overload", Site
//! Reliability Engineering, 2016).

/// A bucket of retry tokens, in hundredths of a retry.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    percent: u64,
    tokens: u64,
}

const RETRY: u64 = 100;
/// Retries that may be saved up: a burst after a quiet time is no storm.
const SAVED: u64 = 10 * RETRY;

impl RetryBudget {
    /// `percent` retries for 100 requests.
    pub fn new(percent: u64) -> Self {
        Self { percent, tokens: if percent == 0 { 0 } else { SAVED } }
    }

    /// A request was made.
    pub fn deposit(&mut self) {
        self.tokens = (self.tokens + self.percent).min(SAVED);
    }

    /// Whether a retry may be made; takes its token.
    pub fn withdraw(&mut self) -> bool {
        let granted = self.tokens >= RETRY;
        if granted {
            self.tokens -= RETRY;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_requests() {
        let mut budget = RetryBudget::new(10);
        let burst = (0..100).filter(|_| budget.withdraw()).count();
        assert_eq!(burst, 10);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.deposit();
            retries += usize::from(budget.withdraw());
        }
        assert_eq!(retries, 100);
        assert!(!RetryBudget::new(0).withdraw());
    }
}
