//! An H.264 or H.265 file played in an endless loop.
//!
//! All players of one film share its place in time, as they would before a real camera; each begins at the newest key
//! picture, which it gets as if it were taken now. So its stamps are those of a camera that answers PLAY with a key
//! picture, and nothing is sent faster than real time.
//!
//! With B-frames ([`super::order`]) pictures are sent late by as much as their order asks for, and stamped as they are shown.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::nal::nals;
use omma_media::bitstream::{detect_codec, h264, h265, is_key};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;
use tokio::time::{Instant, sleep_until};

use super::{Due, ParameterSets, Picture, Rate, SourceError, order};

/// A film in memory.
#[derive(Debug)]
pub(in crate::simulator) struct Film {
    pictures: Vec<Arc<Picture>>,
    /// By how many pictures each is shown later than it is sent.
    later: Vec<i64>,
    parameter_sets: ParameterSets,
    rate: Rate,
    opened: Instant,
}

impl Film {
    /// Of the first group, `first_group` pictures are played, or all.
    pub(super) fn read(path: &Path, rate: Rate, first_group: Option<usize>) -> Result<Self, SourceError> {
        let bytes = std::fs::read(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
        let mut film = Self::of(bytes.into(), path, rate)?;
        film.shorten(first_group);
        Ok(film)
    }

    fn shorten(&mut self, first_group: Option<usize>) {
        let next = self.pictures.iter().skip(1).position(|picture| picture.key).map(|place| place + 1);
        if let (Some(first), Some(next)) = (first_group.map(|first| first.max(1)), next)
            && first < next
        {
            self.pictures.drain(first..next);
            self.later.drain(first..next);
        }
    }

    /// A film of these bytes, which were made of the file.
    pub(super) fn of(stream: Bytes, path: &Path, rate: Rate) -> Result<Self, SourceError> {
        Self::parse(stream, rate).map_err(|fault| SourceError::Footage { path: path.to_owned(), fault })
    }

    fn parse(stream: Bytes, rate: Rate) -> Result<Self, &'static str> {
        let codec = detect_codec(&stream).ok_or("no H.264 or H.265 byte stream: it has no sequence parameter set")?;
        if codec == Codec::H265 && h265::Sps::find(&stream).is_some_and(|sps| sps.reorders) {
            return Err("it is H.265 with B-frames, which is not played; code it with `-bf 0`");
        }
        let mut units = split_access_units(&stream);
        // A film cut from a longer one may begin in the middle; nobody could decode that part.
        let first_key = units.iter().position(|unit| is_key(codec, unit)).ok_or("it has no key picture (IDR)")?;
        units.drain(..first_key);
        let are_b: Vec<_> = units.iter().map(|unit| codec == Codec::H264 && h264::has_b_slice(unit)).collect();
        if units.iter().zip(&are_b).any(|(unit, is_b)| *is_b && is_referred_to(unit)) {
            return Err("others refer to its B-frames, which is not played; code it with `b-pyramid=none`");
        }
        let pictures: Vec<_> = units.into_iter().map(|unit| Picture::cut(codec, &stream, unit)).collect();
        let parameter_sets = ParameterSets::find(codec, &pictures[0].nals)
            .ok_or("its first key picture lacks its parameter sets; code it with `repeat-headers=1`")?;
        Ok(Self {
            pictures: pictures.into_iter().map(Arc::new).collect(),
            later: order::later(&are_b),
            parameter_sets,
            rate,
            opened: Instant::now(),
        })
    }

    pub(super) fn parameter_sets(&self) -> &ParameterSets {
        &self.parameter_sets
    }

    /// A player that begins `now`, which the wall clock calls `wall`.
    pub(super) fn show(self: &Arc<Self>, now: Instant, wall: CaptureTime) -> Showing {
        let place = self.rate.index_at(now.duration_since(self.opened)) % self.pictures.len() as u64;
        let played = &self.pictures[..=place as usize];
        // The first picture is a key picture, so there always is one.
        let first = played.iter().rposition(|picture| picture.key).unwrap_or_default();
        let latest = self.later.iter().max().copied().unwrap_or_default();
        let begun_wall = wall - self.rate.time_of(latest.unsigned_abs());
        Showing { film: self.clone(), first, shown: 0, begun: now, begun_wall }
    }
}

/// One player's place in a film.
#[derive(Debug)]
pub(in crate::simulator) struct Showing {
    film: Arc<Film>,
    /// The picture it began with.
    first: usize,
    /// How many it has been given.
    shown: u64,
    begun: Instant,
    /// When the picture that it began with was taken.
    begun_wall: CaptureTime,
}

impl Showing {
    pub(super) fn begins_with(&self) -> (usize, CaptureTime) {
        (self.first, self.begun_wall)
    }

    pub(super) async fn next(&mut self) -> Due {
        sleep_until(self.upcoming().at).await;
        let due = self.upcoming();
        self.shown += 1;
        due
    }

    fn upcoming(&self) -> Due {
        let Film { pictures, later, rate, .. } = &*self.film;
        let index = (self.first as u64 + self.shown) % pictures.len() as u64;
        let shown = self.shown.saturating_add_signed(later[index as usize]);
        let time = self.begun_wall + rate.time_of(shown);
        Due { picture: pictures[index as usize].clone(), time, at: self.begun + rate.time_of(self.shown) }
    }
}

/// Whether an H.264 picture is one that others may refer to: `nal_ref_idc` (H.264 §7.4.1) of its slices is not 0.
fn is_referred_to(unit: &[u8]) -> bool {
    nals(unit).any(|nal| nal.is_slice(Codec::H264) && nal.bytes[0] >> 5 & 3 != 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Baseline, 64x64 (written by x264), a picture parameter set, and slices of which only the heads are real.
    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xdb, 0x10, 0x88];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xca, 0x83, 0xcb, 0x20];
    /// first_mb 0, slice type I (7).
    const KEY: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x80];
    /// first_mb 0, slice type P (5).
    const DELTA: &[u8] = &[0, 0, 1, 0x41, 0x9a, 0x80];
    /// first_mb 1, slice type P (5): the second slice of a picture.
    const SECOND_SLICE: &[u8] = &[0, 0, 1, 0x41, 0x4d, 0x80];
    /// first_mb 0, slice type B (6), and no other picture refers to it.
    const B: &[u8] = &[0, 0, 1, 0x01, 0x9e, 0x80];
    /// The same, and others may.
    const B_OF_PYRAMID: &[u8] = &[0, 0, 1, 0x41, 0x9e, 0x80];

    fn film(parts: &[&[u8]]) -> Result<Arc<Film>, &'static str> {
        Film::parse(parts.concat().into(), "100".parse().unwrap()).map(Arc::new)
    }

    #[test]
    fn pictures_are_told_apart() {
        let film = film(&[DELTA, SPS, PPS, KEY, DELTA, SECOND_SLICE, DELTA]).unwrap();
        let shape: Vec<_> = film.pictures.iter().map(|p| (p.key, p.nals.len())).collect();
        assert_eq!(shape, [(true, 3), (false, 2), (false, 1)], "what comes before the first key picture is left out");
        assert_eq!(film.parameter_sets().pps, PPS[4..]);
    }

    #[test]
    fn a_shorter_first_group_goes_on_with_the_next() {
        for (first, shape) in [(1, "KKD"), (2, "KDKD"), (3, "KDDKD"), (9, "KDDKD"), (0, "KKD")] {
            let parts = [SPS, PPS, KEY, DELTA, DELTA, SPS, PPS, KEY, DELTA];
            let mut film = Film::parse(parts.concat().into(), "100".parse().unwrap()).unwrap();
            film.shorten(Some(first));
            let got: String = film.pictures.iter().map(|picture| if picture.key { 'K' } else { 'D' }).collect();
            assert_eq!(got, shape, "{first}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_named() {
        for (parts, word) in [
            (&[b"no video".as_slice()] as &[&[u8]], "sequence parameter set"),
            (&[], "sequence parameter set"),
            (&[SPS, PPS, DELTA], "no key picture"),
            (&[SPS, PPS, KEY, B_OF_PYRAMID], "b-pyramid"),
            (&[SPS, DELTA, KEY], "lacks its parameter sets"),
        ] {
            let fault = film(parts).unwrap_err();
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[tokio::test]
    async fn stamps_and_waits_go_on_evenly_over_the_end() {
        let film = film(&[SPS, PPS, KEY, DELTA, DELTA]).unwrap();
        let begun = Instant::now();
        let mut showing = film.show(begun, CaptureTime(1_000_000));
        for i in 0..10u32 {
            let due = showing.next().await;
            assert_eq!(due.picture.key, i % 3 == 0);
            assert_eq!(due.time, CaptureTime(1_000_000 + 10_000 * i64::from(i)));
            assert_eq!(due.at, begun + Duration::from_millis(10) * i);
            assert!(Instant::now() >= due.at);
        }
    }

    #[tokio::test]
    async fn b_frames_are_sent_late_and_stamped_as_they_are_shown() {
        let film = film(&[SPS, PPS, KEY, DELTA, B, B]).unwrap();
        let begun = Instant::now();
        let mut showing = film.show(begun, CaptureTime(1_000_000));
        let mut stamps = vec![];
        for i in 0..8u32 {
            let due = showing.next().await;
            assert_eq!(due.at, begun + Duration::from_millis(10) * i, "evenly");
            assert!(due.time <= CaptureTime(1_000_000) + Duration::from_millis(10) * i, "taken before it is sent");
            stamps.push((due.time.0 - 980_000) / 10_000);
        }
        assert_eq!(stamps, [0, 3, 1, 2, 4, 7, 5, 6]);
    }

    #[test]
    fn a_late_player_begins_at_the_newest_key_picture() {
        let film = film(&[SPS, PPS, KEY, DELTA, DELTA, SPS, PPS, KEY, DELTA]).unwrap();
        for (millis, first) in [(0, 0), (25, 0), (30, 3), (45, 3), (50, 0)] {
            let now = film.opened + Duration::from_millis(millis);
            assert_eq!(film.show(now, CaptureTime(0)).first, first, "after {millis} ms");
        }
    }
}
