//! A camera that looks ten times a second, and what is before it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::{Phase, Why};
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

use crate::event::rule::check::tests::read;
use crate::event::{Change, Events, EventsConfig};
use crate::track::Life;

/// A Tuesday night in Berlin: 23:13:20.
const START: i64 = 1_700_000_000_000_000;

pub(super) fn at(ms: i64) -> CaptureTime {
    CaptureTime(START + ms * 1000)
}

pub(super) struct Site {
    pub(super) events: Events,
    lives: BTreeMap<TrackId, Life>,
}

/// A person whose feet are at `x + 0.05`.
pub(super) fn person(id: u64, x: f32) -> Track {
    Track { id: TrackId(id), label: "person".into(), score: 0.8, rect: Rect { x, y: 0.3, w: 0.1, h: 0.3 } }
}

impl Site {
    pub(super) fn new(places: &str, rules: &str) -> Self {
        let analyst = Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() };
        let rules = read(&format!("{places}\n{rules}")).unwrap();
        let camera = "door".parse().unwrap();
        let events = Events::new(camera, Arc::new(analyst), EventsConfig::default(), rules, [7; 32]);
        Self { events, lives: BTreeMap::new() }
    }

    /// One frame.
    pub(super) fn see(&mut self, time: CaptureTime, tracks: Vec<Track>) -> Vec<Change> {
        let with_life = |track: Track| {
            let life = self.lives.entry(track.id);
            let life = life.and_modify(|life| life.go_on(track.score));
            let life = life.or_insert_with(|| Life::begin(time, track.rect, track.score)).clone();
            (track, life)
        };
        let tracks: Vec<_> = tracks.into_iter().map(with_life).collect();
        self.events.see(time, 16.0 / 9.0, &tracks)
    }

    /// A frame every 100 ms; what was told, with the time in ms.
    pub(super) fn run(&mut self, ms: Range<i64>, there: impl Fn(i64) -> Option<Vec<Track>>) -> Vec<(i64, Change)> {
        let mut changes = vec![];
        for ms in ms.step_by(100) {
            let tracks = there(ms).unwrap_or_default();
            changes.extend(self.see(at(ms), tracks).into_iter().map(|change| (ms, change)));
        }
        changes
    }
}

/// Rule and reason of each event, in the order of opening, in short.
pub(super) fn reasons(changes: &[(i64, Change)]) -> Vec<(String, String)> {
    let opened = changes.iter().filter(|(_, change)| change.event.phase == Phase::Opened);
    let causes = opened.filter_map(|(_, change)| change.event.cause.as_ref());
    let place = |zone: &Option<Arc<str>>| zone.as_deref().unwrap_or_default().to_owned();
    let reason = |why: &Why| match why {
        Why::Seen => String::new(),
        Why::Inside { zone } => zone.to_string(),
        Why::Stayed { zone, seconds } => format!("{} {seconds}", place(zone)),
        Why::Crossed { line, direction } => format!("{line} {direction}"),
        Why::Over { zone, count, limit } => format!("{} {count} over {limit}", place(zone)),
        Why::Under { zone, count, limit } => format!("{} {count} under {limit}", place(zone)),
    };
    causes.map(|cause| (cause.rule.to_string(), reason(&cause.why))).collect()
}
