//! When a write that failed is tried again.

use std::time::{Duration, Instant};

/// Wait after the first failure. It doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);

/// Longest wait.
const LONGEST: Duration = Duration::from_secs(16);

/// The next attempt at a write; by default none has failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Retry {
    wait: Duration,
    /// Not before then.
    pub(super) at: Option<Instant>,
}

impl Retry {
    /// After one more failure at `now`.
    pub(super) fn again(self, now: Instant) -> Self {
        let wait = (self.wait * 2).clamp(FIRST, LONGEST);
        Self { wait, at: Some(now + wait) }
    }

    /// A due time, put off until the next attempt.
    pub(super) fn put_off(self, due: Instant) -> Instant {
        self.at.map_or(due, |at| at.max(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_bound() {
        let now = Instant::now();
        let mut retry = Retry::default();
        assert_eq!(retry.put_off(now), now);
        let waits = [1, 2, 4, 8, 16, 16].map(|_| {
            retry = retry.again(now);
            (retry.put_off(now) - now).as_secs()
        });
        assert_eq!(waits, [1, 2, 4, 8, 16, 16]);
        let late = now + LONGEST * 2;
        assert_eq!(retry.put_off(late), late);
    }
}
