//! A camera, what is before it, and an edge that does as the gate says.

use std::collections::VecDeque;

use super::*;
use crate::track::{Tracker, TrackerConfig};

pub(super) const FPS: usize = 10;
const GROUP: usize = 20;
const COLUMNS: usize = 40;
const ROWS: usize = 22;
/// Pictures after which the exposure steps, or the lamp goes on or off.
const TOGGLE: usize = 20 * FPS;

/// Pictures from one that rate control makes large to the next.
const LARGE: usize = 97;

/// From which score on the edge believes.
const BELIEVED: f32 = 0.5;

/// How the camera codes and what weather there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Calm,
    ConstantBitRate,
    /// The same with a picture now and then that is 32 times as large.
    LargePictures,
    Rain,
    Infrared,
    ExposureSteps,
    Dusk,
    Lamp,
}

pub(super) const KINDS: [Kind; 7] =
    [Kind::Calm, Kind::ConstantBitRate, Kind::Rain, Kind::Infrared, Kind::ExposureSteps, Kind::Dusk, Kind::Lamp];

struct Unit {
    time: CaptureTime,
    key: bool,
    number: usize,
    /// What the weather was: kind and pictures since it began.
    weather: (Kind, usize),
    /// Where things are, and what the detector finds of them.
    things: Vec<(Rect, Detection)>,
}

pub(super) struct World {
    pub(super) gate: Gate,
    pub(super) kind: Kind,
    pub(super) detector_is_gone: bool,
    /// The detector finds only in pictures whose number, divided by 2, leaves this.
    pub(super) found_in: Option<usize>,
    /// Others have the detector: no look beyond the rate is made.
    pub(super) detector_is_busy: bool,
    /// In each picture that leaves 0, divided by this, the detector takes the wall for a car.
    pub(super) flickers: Option<usize>,
    /// The score of who walks.
    pub(super) score: f32,
    /// By how many bytes his walking makes a picture larger.
    pub(super) motion: f32,
    pub(super) no_key_pictures: bool,
    /// Added to every time from here on, µs.
    pub(super) offset: i64,
    pub(super) units: u64,
    pub(super) decoded: u64,
    /// Of these, key pictures.
    pub(super) keys: u64,
    pub(super) detections: usize,
    pub(super) probes: usize,
    /// Looks beyond the rate that were asked for.
    pub(super) spare: usize,
    pub(super) hits: usize,
    /// When the first probe found something.
    pub(super) found_at: Option<CaptureTime>,
    /// Frames that the tracker had, and whether the walker was found in them.
    pub(super) tracked: Vec<(CaptureTime, bool)>,
    /// When the tracker told of somebody: the newest unit then.
    pub(super) told: Vec<CaptureTime>,
    random: StdRng,
    tracker: Tracker,
    kept: VecDeque<Unit>,
    /// What the decoder can go on from.
    decoder: Option<usize>,
    number: usize,
    kind_since: usize,
    last_kind: Kind,
    walker: Option<(usize, usize)>,
    parked: bool,
    /// Luma of each cell, and normal noise to begin anywhere in.
    scene: Vec<f32>,
    noise: Vec<f32>,
}

impl World {
    pub(super) fn new(seed: u64, config: GateConfig) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let scene = (0..COLUMNS * ROWS).map(|_| random.random_range(40.0..180.0)).collect();
        let noise = (0..10_000).map(|_| normal(&mut random)).collect();
        Self {
            gate: Gate::new(config.clone()),
            kind: Kind::Calm,
            detector_is_gone: false,
            found_in: None,
            detector_is_busy: false,
            flickers: None,
            score: 0.7,
            motion: 300.0,
            no_key_pictures: false,
            offset: 1_000_000_000,
            units: 0,
            decoded: 0,
            keys: 0,
            detections: 0,
            probes: 0,
            spare: 0,
            hits: 0,
            found_at: None,
            tracked: vec![],
            told: vec![],
            random,
            tracker: Tracker::new(TrackerConfig::believing(BELIEVED).looking(config.rate)),
            kept: VecDeque::new(),
            decoder: None,
            number: 0,
            kind_since: 0,
            last_kind: Kind::Calm,
            walker: None,
            parked: false,
            scene,
            noise,
        }
    }

    /// Counts from here on.
    pub(super) fn forget(&mut self) {
        (self.units, self.decoded, self.detections, self.probes, self.spare, self.hits) = (0, 0, 0, 0, 0, 0);
        (self.found_at, self.tracked, self.told) = (None, vec![], vec![]);
    }

    /// When the next picture is taken.
    pub(super) fn now(&self) -> CaptureTime {
        CaptureTime(self.offset + (self.number * 1_000_000 / FPS) as i64)
    }

    /// From the next picture on somebody crosses the scene in `pictures` pictures.
    pub(super) fn walk(&mut self, pictures: usize) {
        self.walker = Some((self.number, pictures));
    }

    /// From the next picture on a car stands there.
    pub(super) fn park(&mut self) {
        self.parked = true;
    }

    /// What is kept is lost, and the decoder has nothing to go on from.
    pub(super) fn lose(&mut self) {
        self.kept.clear();
        self.decoder = None;
        self.gate.interrupted();
    }

    /// Until the next picture is the one at this place of its group.
    pub(super) fn until_place(&mut self, place: usize) {
        while self.number % GROUP != place {
            self.run(1);
        }
    }

    pub(super) fn run(&mut self, pictures: usize) {
        for _ in 0..pictures {
            let (unit, bytes) = self.take_picture();
            let (time, key, number) = (unit.time, unit.key, unit.number);
            self.kept.push_back(unit);
            self.units += 1;
            match self.gate.unit(time, key, bytes) {
                Order::Skip => {}
                Order::Decode => {
                    if let Some(key) = self.decode(self.kept.len() - 1) {
                        self.decode_from(key);
                    }
                }
                Order::DecodeFrom(key) => self.decode_from(key),
            }
            let from = self.gate.keep_from();
            self.kept.retain(|unit| from.is_some_and(|from| unit.time >= from));
            assert!(self.kept.len() <= 24 * FPS, "{} kept at {number}", self.kept.len());
        }
    }

    fn decode_from(&mut self, key: CaptureTime) {
        let from = self.kept.iter().position(|unit| unit.time == key && unit.key).expect("kept from a key picture on");
        for at in from..self.kept.len() {
            if let Some(key) = self.decode(at) {
                return self.decode_from(key);
            }
        }
    }

    /// Decodes a kept unit. Gives the key picture to begin again from where the gate looks back.
    fn decode(&mut self, at: usize) -> Option<CaptureTime> {
        let (time, key, number) = (self.kept[at].time, self.kept[at].key, self.kept[at].number);
        assert!(key || self.decoder == Some(number - 1), "the decoder has not what picture {number} builds on");
        self.decoder = Some(number);
        self.decoded += 1;
        self.keys += u64::from(key);
        let finds = !self.detector_is_gone && self.found_in.is_none_or(|parity| number % 2 == parity);
        let things = self.kept[at].things.iter().filter(|_| finds);
        let mut found: Vec<Detection> = things.map(|(_, found)| found.clone()).collect();
        if self.flickers.is_some_and(|every| number.is_multiple_of(every)) {
            let rect = Rect { x: 0.1 + 0.2 * (number % 4) as f32, y: 0.05, w: 0.1, h: 0.1 };
            found.push(Detection { label: Label::from("car"), score: 0.55, rect });
        }
        // As on the edge, whose detector tells of nothing that the tracker would not look at.
        found.retain(|thing| thing.score >= TrackerConfig::believing(BELIEVED).low_score);
        match self.gate.frame(time, |mask| picture(&self.scene, &self.noise, &self.kept[at], mask)) {
            Look::Pass => {}
            Look::Spare if self.detector_is_busy => {
                self.spare += 1;
                self.gate.refused();
            }
            look @ (Look::Detect | Look::Spare) => {
                self.detections += 1;
                self.spare += usize::from(look == Look::Spare);
                let tracks = match look {
                    Look::Spare => self.tracker.update_beyond_rate(time, found.clone()),
                    _ => self.tracker.update(time, found.clone()),
                };
                self.tracked.push((time, found.iter().any(|thing| &*thing.label == "person")));
                self.told.extend(self.kept.back().map(|unit| unit.time).filter(|_| !tracks.is_empty()));
                if !self.detector_is_gone {
                    self.gate.tracked(time, &found, &tracks);
                }
            }
            Look::Probe => {
                (self.detections, self.probes) = (self.detections + 1, self.probes + 1);
                let hits = self.gate.report().counts.hits;
                let key = self.gate.probed(time, &found);
                if self.gate.report().counts.hits > hits {
                    self.hits += 1;
                    self.found_at = self.found_at.or(self.kept.back().map(|unit| unit.time));
                }
                return key;
            }
        }
        None
    }

    fn take_picture(&mut self) -> (Unit, usize) {
        if self.kind != self.last_kind {
            (self.last_kind, self.kind_since) = (self.kind, self.number);
        }
        let (time, key) = (self.now(), self.number.is_multiple_of(GROUP) && !self.no_key_pictures);
        let since = self.number - self.kind_since;
        let toggles = since.is_multiple_of(TOGGLE);
        let mut bits = 9.0 + (self.number % GROUP) as f32 * 0.05 + self.normal() * 0.06;
        bits += match self.kind {
            Kind::Rain => 0.6 + 0.25 * self.normal(),
            Kind::Infrared => 1.5 + 0.1 * self.normal(),
            Kind::ExposureSteps if toggles => 2.0,
            Kind::Lamp if toggles => 1.0,
            _ => 0.0,
        };
        let mut things = vec![];
        if self.parked {
            things.push(self.thing("car", 0.7, 0.6, 0.5));
        }
        let mut moving = 0.0;
        if let Some((begin, pictures)) = self.walker.filter(|&(begin, pictures)| self.number < begin + pictures) {
            things.push(self.thing("person", self.score, 0.9 * (self.number - begin) as f32 / pictures as f32, 0.3));
            moving = self.motion;
        }
        let bytes = match (key, self.kind) {
            (true, _) => 20_000.0,
            (false, Kind::LargePictures) if self.number.is_multiple_of(LARGE) => {
                96_000.0 * (self.normal() * 0.2).exp2()
            }
            (false, Kind::ConstantBitRate | Kind::LargePictures) => {
                3_000.0 * (self.normal() * 0.5).exp2() + moving * 0.2
            }
            (false, _) => bits.exp2() + moving,
        };
        let unit = Unit { time, key, number: self.number, weather: (self.kind, since), things };
        self.number += 1;
        (unit, bytes as usize)
    }

    /// A thing with its left upper corner there: where it is, and how it is found, with some jitter.
    pub(super) fn thing(&mut self, label: &str, score: f32, x: f32, y: f32) -> (Rect, Detection) {
        let place = Rect { x, y, w: 0.1, h: 0.3 };
        let rect = Rect { x: x + 0.002 * self.normal(), y: y + 0.003 * self.normal(), ..place };
        (place, Detection { label: Label::from(label), score, rect })
    }

    fn normal(&mut self) -> f32 {
        normal(&mut self.random)
    }
}

/// The thumbnail of a unit. The same each time that it is decoded.
fn picture(scene: &[f32], noise: &[f32], unit: &Unit, mask: &Mask) -> Thumbnail {
    let mut random = StdRng::seed_from_u64(unit.number as u64);
    let (kind, since) = unit.weather;
    let on = since / TOGGLE % 2 == 1;
    let gain = match kind {
        Kind::ExposureSteps if on => 1.2,
        Kind::Dusk => (1.0 - since as f32 / (600 * FPS) as f32).max(0.3),
        _ => 1.0,
    };
    let grain = if kind == Kind::Infrared { 2.5 } else { 0.3 };
    let begin = random.random_range(0..noise.len() - scene.len());
    let mut means = Vec::with_capacity(scene.len());
    for (at, (&luma, noise)) in scene.iter().zip(&noise[begin..]).enumerate() {
        let (x, y) = (at % COLUMNS, at / COLUMNS);
        let light = if kind == Kind::Infrared { (luma - 16.0).powf(1.3) * 0.15 } else { (luma - 16.0) * gain };
        let lamp = if kind == Kind::Lamp && on && x < 8 && y > 14 { 30.0 } else { 0.0 };
        let (x, y) = ((x as f32 + 0.5) / COLUMNS as f32, (y as f32 + 0.5) / ROWS as f32);
        let covers = |place: &Rect| x >= place.x && x < place.right() && y >= place.y && y < place.bottom();
        let dark = unit.things.iter().any(|(place, _)| covers(place));
        let luma = if dark { 25.0 } else { 16.0 + light + lamp };
        means.push(if mask.covers(x, y) { f32::NAN } else { luma + grain * noise });
    }
    if kind == Kind::Rain {
        for _ in 0..12 {
            means[random.random_range(0..scene.len())] += 5.0;
        }
    }
    Thumbnail { columns: COLUMNS, rows: ROWS, means }
}

/// A normal distribution, near enough (Irwin–Hall).
fn normal(random: &mut StdRng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}
