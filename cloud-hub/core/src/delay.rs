//! How long pictures must wait for their boxes.
//!
//! A viewer in exact mode is shown each picture late by a constant time, so that the boxes found in it are there when
//! it appears. Too short a time makes pictures halt for their boxes, too long a one is latency, each change of it is seen as
//! a jump. So: the 95th percentile of what analysis took lately and a margin, up at once, down only after it has been too
//! long for a while. For one in twenty the page waits a little longer by itself; the 99th would delay all pictures for it.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Results remembered: ten seconds at ten looks a second.
const SAMPLES: usize = 100;
/// So many of a hundred results are there in time.
const PERCENTILE: usize = 95;
/// What is added for the result's own way to the viewer.
const MARGIN: Duration = Duration::from_millis(10);
/// The RTP extension `playout-delay` counts in tens of milliseconds.
const GRAIN_MS: u64 = 10;
/// Taken until there are results.
const INITIAL: Duration = Duration::from_millis(100);
/// Longer is not waited: whatever analyses that slowly is broken, and the picture is worth more than the box.
const MAX: Duration = Duration::from_secs(2);
/// A fall by less than this is not worth a jump.
const WORTHWHILE: Duration = Duration::from_millis(20);
/// How many updates in a row must agree before the delay falls.
const PATIENCE: u32 = 5;

/// The delay of one stream. Call [`Delay::update`] once a second.
#[derive(Debug)]
pub struct Delay {
    samples: VecDeque<Duration>,
    current: Duration,
    lower: u32,
}

impl Default for Delay {
    fn default() -> Self {
        Self { samples: VecDeque::with_capacity(SAMPLES), current: INITIAL, lower: 0 }
    }
}

impl Delay {
    /// One result came this long after its picture.
    pub fn sample(&mut self, late: Duration) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(late);
    }

    /// The delay in force, a multiple of 10 ms.
    pub fn current(&self) -> Duration {
        self.current
    }

    /// Decides anew. Returns the delay if it has changed.
    pub fn update(&mut self) -> Option<Duration> {
        let target = self.target()?;
        if target > self.current {
            self.lower = 0;
            self.current = target;
            return Some(target);
        }
        if self.current - target < WORTHWHILE {
            self.lower = 0;
            return None;
        }
        self.lower += 1;
        if self.lower < PATIENCE {
            return None;
        }
        self.lower = 0;
        self.current = target;
        Some(target)
    }

    fn target(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let slow = *sorted.get((sorted.len() * PERCENTILE).div_ceil(100).checked_sub(1)?)?;
        let wanted = (slow + MARGIN).min(MAX);
        Some(Duration::from_millis((wanted.as_micros() as u64).div_ceil(GRAIN_MS * 1000) * GRAIN_MS))
    }
}

/// A result that is so much later than the one before may be of the past.
const JUMP: Duration = Duration::from_millis(500);

/// Tells results of the past from others. An edge whose gate has opened looks at what it had skipped, faster than it was
/// captured, until it has caught up: how late those results are says nothing of how late boxes will be.
#[derive(Debug, Default)]
pub struct LookBack {
    before: Option<(CaptureTime, Duration)>,
    catching_up: bool,
}

impl LookBack {
    /// Takes the result of the frame of `time`, which came `late` after its capture. Whether it is of the past: from
    /// one that is suddenly late on, as long as each is less late than the one before by a part of the time between them.
    pub fn is_past(&mut self, time: CaptureTime, late: Duration) -> bool {
        let Some((before, was_late)) = self.before.replace((time, late)) else { return false };
        let catches_up = late + time.since(before) / 4 < was_late;
        self.catching_up = late > was_late + JUMP || (self.catching_up && catches_up);
        self.catching_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn it_rises_at_once_to_what_95_of_a_hundred_take_and_a_margin() {
        let mut delay = Delay::default();
        assert_eq!((delay.update(), delay.current()), (None, INITIAL));
        for n in 0..100 {
            delay.sample(ms(if n % 20 == 10 { 900 } else { 101 + n / 50 }));
        }
        assert_eq!(delay.update(), Some(ms(120)), "five of a hundred are waited for one by one");
        assert_eq!(delay.update(), None);
        delay.sample(ms(800));
        assert_eq!(delay.update(), Some(ms(810)), "a sixth is no exception");
    }

    #[test]
    fn it_falls_only_after_a_while_and_only_if_it_is_worth_it() {
        let mut delay = Delay::default();
        (0..SAMPLES).for_each(|_| delay.sample(ms(71)));
        for _ in 0..20 {
            assert_eq!(delay.update(), None, "100 to 90 is no worthwhile fall");
        }
        (0..SAMPLES).for_each(|_| delay.sample(ms(30)));
        let falls: Vec<_> = (0..PATIENCE).map(|_| delay.update()).collect();
        assert_eq!(falls, [None, None, None, None, Some(ms(40))]);
    }

    #[test]
    fn a_broken_analysis_holds_pictures_back_no_longer_than_the_bound() {
        let mut delay = Delay::default();
        delay.sample(Duration::from_secs(3600));
        assert_eq!(delay.update(), Some(MAX));
    }

    #[test]
    fn what_is_looked_at_late_is_told_from_what_takes_long() {
        let past = |late: &[u64]| -> Vec<bool> {
            let mut look_back = LookBack::default();
            let results = late.iter().enumerate();
            results.map(|(n, late)| look_back.is_past(CaptureTime(n as i64 * 200_000), ms(*late))).collect()
        };
        // Two seconds are looked at anew at 30 ms a frame.
        assert_eq!(
            past(&[90, 2100, 1930, 1760, 1000, 90, 95, 92]),
            [false, true, true, true, true, true, false, false]
        );
        // The engine has become slow.
        assert_eq!(past(&[90, 900, 910, 880, 905]), [false, true, false, false, false]);
        assert_eq!(past(&[900, 90, 120, 100]), [false; 4]);
    }
}
