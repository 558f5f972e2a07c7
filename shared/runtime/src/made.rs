//! Before when it can't be: a machine without a battery for its clock starts in 1970, or at some date of its system's, until
//! somebody sets it.

use std::time::Duration;

/// No program of this source was made before: 2026-11-01, in s since the epoch.
const SOURCE_S: u64 = 1_793_491_200;

/// When this program was made, since the epoch, where who made it says so
/// (<https://reproducible-builds.org/specs/source-date-epoch/>); else a date that it can't have been made before. A clock
/// that says less is not set.
#[must_use]
pub fn made() -> Duration {
    let made_s = option_env!("SOURCE_DATE_EPOCH").and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(made_s.unwrap_or(SOURCE_S))
}
