//! Things that do not move: a parked car must not hold the gate open, nor open it again at each look.
//!
//! A place where the same class was found for [`STILL_AFTER`] no longer holds the gate. When the gate closes, such
//! places are known, and so are those where a probe found something that came to nothing: what is found there later is
//! not news. A known place is forgotten once looks no longer find anything there, and where the events no longer have what is
//! there.
//!
//! Places are followed and not tracks: a thing at rest that the detector sees in every third frame only is many tracks.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::detection::{Detection, Label};
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

/// Long enough that who waits at a door is followed; the tracker and the rules see half a minute of standing.
pub(super) const STILL_AFTER: Duration = Duration::from_secs(30);
/// Overlap (IoU) of a box with where it was first, under which the thing has moved. Boxes of the small detectors jitter
/// to 0.85 on a thing at rest.
const SAME_PLACE: f32 = 0.7;
/// Overlap from which a detection is the known thing: looser, since one box stands for many looks.
const KNOWN_PLACE: f32 = 0.5;
/// Looks in a row that may miss a thing at rest: five seconds of an open gate.
const MISSED: u32 = 25;
/// Looks in a row that must miss a known thing before it is forgotten: whoever walks past may hide it for some.
const FORGOTTEN_AFTER: u32 = 50;
/// Looks in which a thing that no track came of must have been where the probe found it.
const UNPROVEN_LOOKS: u32 = 5;
/// Most places followed and most known; beyond, the oldest is let go.
const MAX_PLACES: usize = 64;

/// As many as a tracker follows.
const MAX_TRACKS: usize = 256;

/// What is known of things at rest. At most twice 64 places and 256 tracks, about 12 KB.
#[derive(Debug, Default)]
pub(super) struct Still {
    followed: VecDeque<Followed>,
    known: VecDeque<Known>,
    /// What the last probe found that was news, until a track moves.
    unproven: Vec<Unproven>,
    /// Where each track has been since it was last seen to move.
    stays: VecDeque<(TrackId, Rect)>,
    moved: bool,
}

/// What the detector says of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A track moves, or has not been at rest for long enough.
    Moves,
    /// There is something that is news, but no such track.
    News,
    /// There is nothing, or nothing new.
    Nothing,
}

#[derive(Debug)]
struct Unproven {
    label: Label,
    place: Rect,
    seen: u32,
    missed: u32,
}

#[derive(Debug)]
struct Followed {
    label: Label,
    place: Rect,
    since: CaptureTime,
    seen: CaptureTime,
    missed: u32,
}

#[derive(Debug)]
struct Known {
    label: Label,
    place: Rect,
    missed: u32,
}

impl Still {
    /// Takes what was found in a frame, whatever its score, and the tracks: these rest once they have been in one place for `after`.
    /// What scores at least `min_score` may be news.
    pub(super) fn see(
        &mut self,
        time: CaptureTime,
        found: &[Detection],
        min_score: f32,
        tracks: &[Track],
        after: Duration,
    ) -> Seen {
        self.look(found);
        self.followed.iter_mut().for_each(|followed| followed.missed += 1);
        let mut moves = false;
        self.moved = false;
        for track in tracks {
            self.moved |= self.moves(track);
            moves |= !self.is_still(time, track, after);
        }
        self.followed.retain(|followed| followed.missed <= MISSED);
        if moves {
            self.unproven.clear();
            return Seen::Moves;
        }
        for unproven in &mut self.unproven {
            let there = found.iter().any(|d| d.label == unproven.label && unproven.place.iou(d.rect) >= KNOWN_PLACE);
            *(if there { &mut unproven.seen } else { &mut unproven.missed }) += 1;
        }
        let is_tracked = |d: &Detection| tracks.iter().any(|t| t.label == d.label && t.rect.iou(d.rect) >= KNOWN_PLACE);
        if self.news(found, min_score).any(|detection| !is_tracked(detection)) { Seen::News } else { Seen::Nothing }
    }

    /// Whether any of what a probe found with at least `min_score` is news.
    pub(super) fn probe(&mut self, found: &[Detection], min_score: f32) -> bool {
        self.look(found);
        let unproven = self.news(found, min_score).take(MAX_PLACES);
        let unproven = unproven.map(|d| Unproven { label: d.label.clone(), place: d.rect, seen: 0, missed: 0 });
        self.unproven = unproven.collect();
        !self.unproven.is_empty()
    }

    fn news<'a>(&'a self, found: &'a [Detection], min_score: f32) -> impl Iterator<Item = &'a Detection> {
        let good = found.iter().filter(move |detection| detection.score >= min_score);
        good.filter(|detection| !self.is_known(&detection.label, detection.rect))
    }

    /// The gate closes: what has been at rest for `after`, and what came to nothing, is known from here on.
    pub(super) fn remember(&mut self, after: Duration) {
        let rests = |followed: &Followed| followed.seen.since(followed.since) >= after;
        let at_rest = std::mem::take(&mut self.followed).into_iter().filter(rests).map(|f| (f.label, f.place));
        let unproven = std::mem::take(&mut self.unproven).into_iter();
        // It was there in most looks and came to nothing: a coat on a hook, not somebody on the way.
        let unproven = unproven.filter(|u| u.seen > u.missed && u.seen >= UNPROVEN_LOOKS).map(|u| (u.label, u.place));
        for (label, place) in at_rest.chain(unproven) {
            if !self.is_known(&label, place) {
                push(&mut self.known, Known { label, place, missed: 0 });
            }
        }
    }

    /// Of known places, those of these tracks alone stay so.
    pub(super) fn forget_all_but(&mut self, there: &[Track]) {
        let is_of = |known: &Known, t: &Track| t.label == known.label && known.place.iou(t.rect) >= KNOWN_PLACE;
        self.known.retain(|known| there.iter().any(|track| is_of(known, track)));
    }

    /// Whether anything in the last frame was elsewhere than it had been, not only new.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    /// How many places are known.
    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    fn moves(&mut self, track: &Track) -> bool {
        let Some((_, place)) = self.stays.iter_mut().find(|(id, _)| *id == track.id) else {
            if self.stays.len() >= MAX_TRACKS {
                self.stays.pop_front();
            }
            self.stays.push_back((track.id, track.rect));
            return false;
        };
        let moves = place.iou(track.rect) < SAME_PLACE;
        if moves {
            *place = track.rect;
        }
        moves
    }

    fn is_still(&mut self, time: CaptureTime, track: &Track, after: Duration) -> bool {
        let known = self.is_known(&track.label, track.rect);
        let there =
            |followed: &&mut Followed| followed.label == track.label && followed.place.iou(track.rect) >= SAME_PLACE;
        let Some(followed) = self.followed.iter_mut().find(there) else {
            let (label, place) = (track.label.clone(), track.rect);
            push(&mut self.followed, Followed { label, place, since: time, seen: time, missed: 0 });
            return known;
        };
        (followed.seen, followed.missed) = (time, 0);
        known || time.since(followed.since) >= after
    }

    fn is_known(&self, label: &Label, rect: Rect) -> bool {
        self.known.iter().any(|known| known.label == *label && known.place.iou(rect) >= KNOWN_PLACE)
    }

    fn look(&mut self, found: &[Detection]) {
        self.known.retain_mut(|known| {
            let there = found.iter().any(|d| d.label == known.label && known.place.iou(d.rect) >= KNOWN_PLACE);
            known.missed = if there { 0 } else { known.missed + 1 };
            known.missed < FORGOTTEN_AFTER
        });
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= MAX_PLACES {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::track::TrackId;

    fn found(x: f32, score: f32) -> Detection {
        Detection { label: Label::from("car"), score, rect: Rect { x, y: 0.2, w: 0.2, h: 0.2 } }
    }

    fn track(id: u64, detection: &Detection) -> Track {
        Track { id: TrackId(id), label: detection.label.clone(), score: detection.score, rect: detection.rect }
    }

    /// Looks five times a second for so many seconds. Gives what was seen last.
    fn see(still: &mut Still, from: i64, seconds: i64, look: impl Fn(i64) -> Option<(u64, Detection)>) -> Seen {
        (0..seconds * 5).fold(Seen::Nothing, |_, n| {
            let looked = look(n);
            let found: Vec<_> = looked.iter().map(|(_, detection)| detection.clone()).collect();
            let tracks: Vec<_> = looked.iter().map(|(id, detection)| track(*id, detection)).collect();
            still.see(CaptureTime((from * 5 + n) * 200_000), &found, 0.35, &tracks, STILL_AFTER)
        })
    }

    #[test]
    fn a_car_that_parks_holds_for_half_a_minute_and_is_known_then() {
        let mut still = Still::default();
        assert_eq!(see(&mut still, 0, 5, |n| Some((1, found(n as f32 * 0.02, 0.7)))), Seen::Moves);
        let parked = |_| Some((1, found(0.5, 0.7)));
        assert_eq!(see(&mut still, 5, 29, parked), Seen::Moves);
        assert_eq!(see(&mut still, 34, 2, parked), Seen::Nothing);
        still.remember(STILL_AFTER);
        assert_eq!(still.known(), 1);
        assert!(!still.probe(&[found(0.51, 0.6)], 0.35) && still.probe(&[found(0.1, 0.6)], 0.35));
    }

    #[test]
    fn who_is_new_has_not_moved_before_he_is_elsewhere() {
        let mut still = Still::default();
        let mut see = |id, x| {
            let here = found(x, 0.7);
            still.see(CaptureTime(0), std::slice::from_ref(&here), 0.35, &[track(id, &here)], STILL_AFTER);
            still.has_moved()
        };
        let walk = [(1, 0.5), (1, 0.51), (1, 0.6), (1, 0.61), (1, 0.5), (2, 0.8), (2, 0.81)];
        assert_eq!(walk.map(|(id, x)| see(id, x)), [false, false, true, false, true, false, false]);
    }

    #[test]
    fn a_thing_that_is_many_tracks_rests_all_the_same() {
        let mut still = Still::default();
        let flickers = |n: i64| (n % 9 < 3).then(|| (n as u64 / 9, found(0.5, 0.55)));
        see(&mut still, 0, 36, flickers);
        still.remember(STILL_AFTER);
        assert_eq!(still.known(), 1);
    }

    #[test]
    fn who_passes_before_it_does_not_make_it_forgotten_and_its_leaving_does() {
        let mut still = Still::default();
        see(&mut still, 0, 35, |_| Some((1, found(0.5, 0.7))));
        still.remember(STILL_AFTER);
        see(&mut still, 35, 5, |_| None);
        assert_eq!(still.known(), 1);
        see(&mut still, 40, 10, |_| None);
        assert_eq!(still.known(), 0);
    }

    #[test]
    fn what_a_probe_found_and_no_track_came_of_is_known_if_it_stayed() {
        for (stays, known) in [(true, 1), (false, 0)] {
            let mut still = Still::default();
            assert!(still.probe(&[found(0.5, 0.4)], 0.35));
            for n in 0..20 {
                let here = [found(if stays { 0.5 } else { 0.5 - n as f32 * 0.02 }, 0.4)];
                still.see(CaptureTime(n * 200_000), &here, 0.35, &[], STILL_AFTER);
            }
            still.remember(STILL_AFTER);
            assert_eq!(still.known(), known);
        }
    }

    #[test]
    fn no_more_is_kept_than_was_said() {
        let mut still = Still::default();
        let crowd: Vec<_> = (0..500).map(|n| found(n as f32, 0.9)).collect();
        let tracks: Vec<_> = crowd.iter().enumerate().map(|(n, detection)| track(n as u64, detection)).collect();
        for n in 0..200 {
            still.see(CaptureTime(n * 200_000), &crowd, 0.35, &tracks, STILL_AFTER);
            still.probe(&crowd, 0.35);
        }
        still.remember(STILL_AFTER);
        assert!(still.known() <= MAX_PLACES);
    }
}
