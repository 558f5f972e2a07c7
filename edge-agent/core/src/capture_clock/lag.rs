//! How long before its arrival a picture was taken, by the camera's sender reports.
//!
//! A camera whose clock is wrong is wrong by seconds to years, or is ahead of its pictures' arrival; one that a time server
//! sets is right within milliseconds. So a report is believed that puts the picture before its arrival, by no more than a
//! camera takes to encode and send it, when the report before has said the same.
//!
//! It can't be told from an edge's clock that is ahead of the camera's by as little: then the camera's is followed.

/// Longest time from exposure to arrival, at the least delay of the network, that is believed.
pub(super) const MOST_US: i64 = 300_000;
/// So near two reports must be. What is between them is the network's jitter in the one offset and the other.
const AGREE_US: i64 = 20_000;

#[derive(Debug, Default)]
pub(super) struct Lag {
    /// By the last report, where that was sane.
    said: Option<i64>,
    wanted: i64,
    now: i64,
}

impl Lag {
    /// A report puts what the arrivals date with some time `before_us` earlier.
    pub(super) fn report(&mut self, before_us: i64) {
        let sane = (0..=MOST_US).contains(&before_us).then_some(before_us);
        match (self.said, sane) {
            (Some(before), Some(said)) if before.abs_diff(said) <= AGREE_US as u64 => self.wanted = said,
            (_, Some(_)) => {}
            (_, None) => self.wanted = 0,
        }
        self.said = sane;
    }

    /// The relation of RTP time to arrival is another one: what was said of the old one agrees with nothing.
    pub(super) fn anew(&mut self) {
        self.said = None;
    }

    /// Follows what is wanted by at most so much.
    pub(super) fn advance(&mut self, most_us: i64) {
        self.now += (self.wanted - self.now).clamp(-most_us, most_us);
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }
}
