//! When a rule is in force: by the days and hours of the place where the camera is.
//!
//! Evaluated from capture times alone. Time zones are those of the database inside the program (`jiff`, IANA), so that
//! an edge without one of its own knows when summer time begins, and the same recording gives the same events anywhere.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use omma_protocol::time::CaptureTime;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u8 = 0b111_1111;
const DAY: u16 = 24 * 60;

/// A time zone, as `Europe/Berlin` or `+02:00`.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalTime(TimeZone);

/// Why a text is no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time zone such as \"Europe/Berlin\", \"UTC\" or \"+02:00\"")]
pub struct LocalTimeError;

impl FromStr for LocalTime {
    type Err = LocalTimeError;

    fn from_str(text: &str) -> Result<Self, LocalTimeError> {
        let sign = match text.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return TimeZoneDatabase::bundled().get(text).map(Self).map_err(|_| LocalTimeError),
        };
        let minutes = clock(&text[1..]).filter(|minutes| *minutes <= 14 * 60).ok_or(LocalTimeError)?;
        let offset = Offset::from_seconds(sign * i32::from(minutes) * 60).map_err(|_| LocalTimeError)?;
        Ok(Self(TimeZone::fixed(offset)))
    }
}

impl LocalTime {
    /// Day of the week, Monday 0, and minute of the day. `None` for times beyond all calendars.
    fn at(&self, time: CaptureTime) -> Option<(u8, u16)> {
        let local = self.0.to_datetime(Timestamp::from_microsecond(time.as_micros()).ok()?);
        let minute = u16::try_from(local.hour()).ok()? * 60 + u16::try_from(local.minute()).ok()?;
        Some((u8::try_from(local.weekday().to_monday_zero_offset()).ok()?, minute))
    }
}

/// Some hours of some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Bit 0 is Monday.
    days: u8,
    /// Minutes of the day. Where `to` is not after `from`, it is on the next day.
    from: u16,
    to: u16,
}

/// Why a text is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a day nor hours: expected days and hours such as \"mon-fri 22:00-06:00\", \"sat sun\" or \"08:00-18:00\""
)]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (mut days, mut hours) = (0, None);
        let lower = text.to_lowercase();
        for word in lower.split_whitespace() {
            let refused = || SpanError(word.to_owned());
            if word.contains(':') {
                let (from, to) = word.split_once('-').ok_or_else(refused)?;
                let (from, to) = (clock(from).ok_or_else(refused)?, clock(to).ok_or_else(refused)?);
                if from == to || from == DAY || hours.replace((from, to)).is_some() {
                    return Err(refused());
                }
            } else {
                days |= days_of(word).ok_or_else(refused)?;
            }
        }
        if days == 0 && hours.is_none() {
            return Err(SpanError(lower));
        }
        let (from, to) = hours.unwrap_or((0, DAY));
        Ok(Self { days: if days == 0 { EVERY_DAY } else { days }, from, to })
    }
}

impl Span {
    fn holds(self, day: u8, minute: u16) -> bool {
        let on = |day: u8| self.days & (1 << day) != 0;
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        // Over midnight: what is after it belongs to the day on which it began.
        (on(day) && minute >= self.from) || (on((day + 6) % 7) && minute < self.to)
    }
}

/// When a rule is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// In force in any of these.
    pub spans: Vec<Span>,
    /// Whose days and hours.
    pub local: LocalTime,
}

impl Schedule {
    /// Whether it is in force.
    pub fn holds(&self, time: CaptureTime) -> bool {
        let Some((day, minute)) = self.local.at(time) else { return false };
        self.spans.iter().any(|span| span.holds(day, minute))
    }
}

/// `mon`, or `fri-mon`, which is over the weekend.
fn days_of(word: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    let (from, to) = (day(from)?, day(to)?);
    let count = (to + 7 - from) % 7 + 1;
    Some((0..count).fold(0, |days, n| days | 1 << ((from + n) % 7)))
}

/// Minutes since midnight of `HH:MM`, up to `24:00`.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| -> Option<u16> {
        let digits_only = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| digits_only)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(zone: &str, spans: &[&str]) -> Schedule {
        Schedule { spans: spans.iter().map(|s| s.parse().unwrap()).collect(), local: zone.parse().unwrap() }
    }

    /// A date in UTC.
    fn utc(text: &str) -> CaptureTime {
        CaptureTime(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn days_and_hours_are_those_of_the_place() {
        let night = schedule("Europe/Berlin", &["mon-fri 22:00-06:00"]);
        // 2026-01-05 was a Monday; Berlin is an hour ahead of UTC in winter and two in summer.
        for (time, holds) in [
            ("2026-01-05T20:59:59Z", false),
            ("2026-01-05T21:00:00Z", true),
            ("2026-01-06T04:59:59Z", true),
            ("2026-01-06T05:00:00Z", false),
            ("2026-01-10T04:00:00Z", true), // Saturday morning is still Friday's night
            ("2026-01-10T22:00:00Z", false),
            ("2026-01-05T04:00:00Z", false), // Monday morning is Sunday's night
            ("2026-07-06T19:59:00Z", false),
            ("2026-07-06T20:00:00Z", true),
        ] {
            assert_eq!(night.holds(utc(time)), holds, "{time}");
        }
        let weekend = schedule("-05:00", &["sat sun", "fri 20:00-24:00"]);
        for (time, holds) in [
            ("2026-01-10T00:59:00Z", false),
            ("2026-01-10T01:00:00Z", true),
            ("2026-01-12T04:59:00Z", true),
            ("2026-01-12T05:00:00Z", false),
        ] {
            assert_eq!(weekend.holds(utc(time)), holds, "{time}");
        }
    }

    #[test]
    fn an_hour_that_summer_time_leaves_out_or_repeats_is_taken_as_the_clock_shows_it() {
        let small_hours = schedule("Europe/Berlin", &["02:00-03:00"]);
        // 2026-03-29 has no 02:30 there; 2026-10-25 has it twice.
        let in_force = |from: &str, minutes: i64| {
            let from = utc(from);
            (0..minutes).filter(|m| small_hours.holds(CaptureTime(from.0 + m * 60_000_000))).count()
        };
        assert_eq!(in_force("2026-03-28T23:00:00Z", 23 * 60), 0);
        assert_eq!(in_force("2026-10-24T22:00:00Z", 25 * 60), 120);
        assert_eq!(in_force("2026-05-01T22:00:00Z", 24 * 60), 60);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for span in
            ["", "mno", "mon 25:00-26:00", "mon 8:00-9:00", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00"]
        {
            assert!(span.parse::<Span>().is_err(), "{span}");
        }
        assert!("08:00-09:00 10:00-11:00".parse::<Span>().is_err(), "two spans are two entries");
        for zone in ["", "Berlin", "+2", "+15:00", "Europe/Atlantis", "+0é:00"] {
            assert!(zone.parse::<LocalTime>().is_err(), "{zone}");
        }
        assert_eq!("fri-mon".parse::<Span>(), "mon fri sat SUN 00:00-24:00".parse());
        assert!(!schedule("UTC", &["mon-sun"]).holds(CaptureTime(i64::MAX)));
    }

    proptest! {
        #[test]
        fn no_text_and_no_time_make_it_panic(text in ".{0,24}", words in "[a-z0-9:+ -]{0,20}", time: i64) {
            for text in [text, words] {
                drop(text.parse::<LocalTime>());
                if let Ok(span) = text.parse::<Span>() {
                    let all = Schedule { spans: vec![span], local: "UTC".parse().unwrap() };
                    let _: bool = all.holds(CaptureTime(time));
                }
            }
        }

        #[test]
        fn a_span_and_the_rest_of_the_day_are_the_whole_day(from in 0u16..1440, to in 0u16..1440, minute in 0i64..10_080) {
            prop_assume!(from != to);
            let text = |a: u16, b: u16| format!("{:02}:{:02}-{:02}:{:02}", a / 60, a % 60, b / 60, b % 60);
            let (one, rest) = (text(from, to), text(to, from));
            let time = CaptureTime(minute * 60_000_000);
            prop_assert!(schedule("UTC", &[&one]).holds(time) != schedule("UTC", &[&rest]).holds(time));
        }
    }
}
