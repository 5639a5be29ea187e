//! Times, as they are printed.

use std::time::Duration;

/// The time that `share` of the times are not above, in microseconds.
pub(crate) fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let rank = (times.len() as f64 * share).ceil() as usize;
    times[rank.saturating_sub(1)].as_nanos() as f64 / 1000.0
}
