//! Which track is which thing, and how long a thing is remembered.

use omma_protocol::detection::Detection;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;

use super::config::{Direction, Parked};
use super::ground::Ground;
use super::thing::Thing;
use crate::event::EventsConfig;
use crate::event::parked::ParkedThing;
use crate::track::Life;
use crate::view::Turn;

/// Most things at once, those in sight and those remembered. At the bound the one longest out of sight is forgotten.
const MAX_THINGS: usize = 512;

/// The things of one stream, in the order in which they appeared.
#[derive(Debug, Default)]
pub(in crate::event) struct Things {
    all: Vec<Thing>,
    /// What is parked in a view that was left.
    left: Vec<Thing>,
    last_id: u64,
}

impl Things {
    /// Takes the confirmed tracks of one frame.
    pub(super) fn see(
        &mut self,
        time: CaptureTime,
        tracks: &[(Track, Life)],
        ground: &Ground,
        config: &EventsConfig,
        parked: Parked,
    ) {
        let mut strangers = vec![];
        for (track, life) in tracks {
            match self.all.iter_mut().find(|thing| thing.track.id == track.id) {
                Some(thing) => thing.see(time, track, life, ground, parked),
                None => strangers.push((track, life)),
            }
        }
        for (track, life) in strangers {
            if let Some(lost) = self.all.iter_mut().find(|thing| thing.is_continued_by(time, track, life, config)) {
                lost.see(time, track, life, ground, parked);
            } else if self.has_room(time) {
                self.last_id += 1;
                self.all.push(Thing::new(self.last_id, time, track, life, ground));
            }
        }
    }

    /// Those that are parked.
    pub(super) fn parked(&self, parked: Parked) -> impl Iterator<Item = &Thing> {
        self.all.iter().filter(move |thing| thing.is_parked(parked))
    }

    /// What an earlier run had parked, and the rules that have made events of it.
    pub(super) fn know(&mut self, parked: &ParkedThing, told: Vec<(usize, Option<Direction>)>, ground: &Ground) {
        if self.all.len() < MAX_THINGS {
            self.last_id += 1;
            self.all.push(Thing::of_parked(self.last_id, parked, told, ground));
        }
    }

    /// What stood still and was there at `before` is there at `time`, unless probes have missed it.
    pub(super) fn stay(&mut self, before: CaptureTime, time: CaptureTime, config: &EventsConfig) {
        let there = |thing: &&mut Thing| thing.is_at_rest(before, config) && !thing.is_missed();
        self.all.iter_mut().filter(there).for_each(|thing| thing.last_seen = time);
    }

    /// Takes what a probe found where nobody looks. Whether anything is gone that was at rest at `before`.
    pub(in crate::event) fn probe(
        &mut self,
        time: CaptureTime,
        found: &[Detection],
        before: CaptureTime,
        config: &EventsConfig,
    ) -> bool {
        let mut gone = false;
        for thing in self.all.iter_mut().filter(|thing| thing.is_missed() || thing.is_at_rest(before, config)) {
            gone |= thing.probe(time, found, before);
        }
        gone
    }

    /// What is doubted was there at `before` all the same. Whether anything was.
    pub(in crate::event) fn trust(&mut self, before: CaptureTime) -> bool {
        let mut any = false;
        for thing in self.all.iter_mut().filter(|thing| thing.is_doubted()) {
            thing.trust(before);
            any = true;
        }
        any
    }

    /// What is at rest and has not been missed.
    pub(in crate::event) fn at_rest(&self, time: CaptureTime, config: &EventsConfig) -> impl Iterator<Item = &Track> {
        let there = move |thing: &&Thing| thing.is_at_rest(time, config) && !thing.is_missed() || thing.is_doubted();
        self.all.iter().filter(there).map(|thing| &thing.track)
    }

    /// Forgets what has been out of sight for long.
    pub(super) fn forget(&mut self, time: CaptureTime, config: &EventsConfig, parked: Parked) {
        let known = |thing: &Thing| time.since(thing.last_seen) <= thing.is_remembered_for(config, parked);
        self.all.retain(|thing| thing.is_doubted() || known(thing));
    }

    /// The stream has ended: of what was there, only what is parked is known again.
    pub(super) fn end(&mut self, parked: Parked) {
        self.all.retain(|thing| thing.is_parked(parked));
        self.all.iter_mut().for_each(|thing| thing.trust(thing.last_seen));
    }

    /// The camera shows another view than it did, after the stream's [`Things::end`].
    pub(in crate::event) fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::None => {}
            Turn::Away => self.left = std::mem::take(&mut self.all),
            Turn::Astray => self.all.clear(),
            Turn::Back => self.all = std::mem::take(&mut self.left),
        }
    }

    pub(in crate::event) fn find(&self, id: u64) -> Option<&Thing> {
        self.all.iter().find(|thing| thing.id == id)
    }

    /// The event that a rule made of a thing is closed.
    pub(in crate::event) fn close(&mut self, id: u64, rule: usize) {
        if let Some(thing) = self.all.iter_mut().find(|thing| thing.id == id) {
            thing.close(rule);
        }
    }

    /// Those in the frame of `time`.
    pub(in crate::event) fn seen_at(&mut self, time: CaptureTime) -> impl Iterator<Item = &mut Thing> {
        self.all.iter_mut().filter(move |thing| thing.last_seen == time)
    }

    /// Those that are there, though the detector may miss them in this frame. Who moved and comes back later is followed under another
    /// track.
    pub(super) fn present(&self, time: CaptureTime, config: &EventsConfig) -> impl Iterator<Item = &Thing> {
        self.all.iter().filter(move |thing| {
            let patience = if thing.stands_still(config) { config.close_after_still } else { config.close_after / 2 };
            thing.is_doubted() || time.since(thing.last_seen) <= patience
        })
    }

    fn has_room(&mut self, time: CaptureTime) -> bool {
        if self.all.len() < MAX_THINGS {
            return true;
        }
        let longest = self.all.iter().enumerate().min_by_key(|(_, thing)| thing.last_seen);
        let longest = longest.filter(|(_, thing)| thing.last_seen < time).map(|(index, _)| index);
        longest.map(|index| self.all.remove(index)).is_some()
    }
}
