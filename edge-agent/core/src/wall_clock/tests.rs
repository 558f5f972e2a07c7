use omma_protocol::time::CaptureTime;
use proptest::prelude::*;

use super::*;
use crate::capture_clock::CaptureClock;

const S: Duration = Duration::from_secs(1);
const NOON: i64 = 1_780_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

/// A machine whose clock can be set, and the edge's dates on it.
struct World {
    now: Moment,
    /// The system's date at the program's start, had it not been set since.
    system_us: i64,
    edge_us: i64,
    wall: WallClock,
    anew: bool,
}

impl World {
    fn at(system_us: i64) -> Self {
        Self { now: Moment::ZERO, system_us, edge_us: system_us, wall: WallClock::default(), anew: false }
    }

    fn look(&mut self) {
        match self.wall.see(self.now, self.system_us - self.edge_us) {
            Follow::Keep => {}
            Follow::Move(us) => self.edge_us += us,
            Follow::Anew => self.anew = true,
        }
    }

    /// Looks every ten seconds for a while.
    fn live(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += S * 10;
            self.look();
        }
    }

    fn date(&self) -> CaptureTime {
        CaptureTime(self.edge_us) + self.now
    }
}

#[test]
fn a_board_that_begins_in_1970_has_right_dates_once_its_time_server_is_found() {
    let mut world = World::at(3_000_000);
    world.live(S * 100);
    world.system_us = NOON;
    world.live(S * 10);
    assert_eq!(world.edge_us, NOON);
    assert_eq!((world.wall.steps(), world.wall.ahead_us()), (1, 0));
    assert_eq!(world.wall.last(), Some(Step { by_us: NOON - 3_000_000, at: S * 110 }));
}

#[test]
fn a_clock_set_back_by_hours_begins_everything_anew_and_one_set_back_by_seconds_does_not() {
    let mut world = World::at(NOON);
    world.system_us -= 5_000_000;
    world.live(S * 3600 * 2);
    assert!(!world.anew && world.edge_us - world.system_us <= STEP_US, "{}", world.edge_us - world.system_us);
    assert_eq!(world.wall.steps(), 1, "what is made good slowly is one step");
    world.system_us -= 2 * HOUR;
    world.live(S * 10);
    assert!(world.anew);
}

#[test]
fn a_clock_set_back_right_after_the_start_is_waited_with() {
    let mut world = World::at(NOON);
    world.system_us -= HOUR;
    world.live(S * 50);
    assert!(!world.anew && world.wall.steps() == 1);
    world.live(S * 10);
    assert!(world.anew);
}

#[test]
fn capture_times_go_on_through_a_clock_set_forward_by_hours() {
    let (mut world, mut capture) = (World::at(NOON), CaptureClock::default());
    let mut last: Option<CaptureTime> = None;
    for n in 0..3_000u32 {
        world.now = Duration::from_millis(100) * n;
        if n == 1_000 {
            world.system_us += 5 * HOUR;
        }
        if n % 100 == 0 {
            world.look();
        }
        let stamped = capture.stamp(n * 9_000, world.date(), false, false);
        assert!(last.is_none_or(|last| stamped.time.ticks() > last.ticks()), "unit {n}");
        last = Some(stamped.time);
        // One unit says that its camera's clock and the edge's dates have parted; all are dated right.
        assert_eq!(stamped.jump.is_some(), n == 1_000, "unit {n}");
        assert!((stamped.time.0 - world.date().0).abs() <= 12, "unit {n} is off");
    }
}

proptest! {
    /// However the clock is set, within one run dates never go back by more than what a look slews, and where the
    /// program is not begun anew they end within ten seconds of the system's.
    #[test]
    fn dates_never_step_back(sets in prop::collection::vec((10u64..4_000, -20_000i64..100_000_000), 1..30)) {
        let mut world = World::at(NOON);
        for (seconds, by_ms) in sets {
            world.system_us += by_ms * 1000;
            let before = world.date();
            world.live(S * seconds as u32);
            prop_assert!(world.date() > before);
            let off = world.system_us - world.edge_us;
            let right = off <= STEP_US && (off >= -SLEW_BELOW_US || world.now < STAYS);
            prop_assert!(world.anew || right, "off by {} µs", off);
            if world.anew {
                break;
            }
        }
    }
}
