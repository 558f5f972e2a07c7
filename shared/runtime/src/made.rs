//! Before when it can't be: a machine without a battery for its clock starts in 1970, or at some date of its system's, until
//! somebody sets it.

use std::time::Duration;

/// No program of this source was made before: 2026-11-01, in s since the epoch.
const SOURCE_S: u64 = 1_793_491_200;

/// When this program was made, since the epoch, where who made it says so
/// (<https://reproducible-builds.org/specs/source-date-epoch/>); but no earlier than it can have been. A clock
/// that says less is not set.
#[must_use]
pub fn made() -> Duration {
    said(option_env!("SOURCE_DATE_EPOCH"))
}

fn said(source_date_epoch: Option<&str>) -> Duration {
    let made_s = source_date_epoch.and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(made_s.unwrap_or(SOURCE_S).max(SOURCE_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packager_who_says_1980_does_not_make_a_clock_of_2024_one_that_is_set() {
        let later = SOURCE_S + 1;
        for (epoch, made_s) in [(None, SOURCE_S), (Some("315532800"), SOURCE_S), (Some("soon"), SOURCE_S)] {
            assert_eq!(said(epoch), Duration::from_secs(made_s));
        }
        assert_eq!(said(Some(&later.to_string())), Duration::from_secs(later));
    }
}
