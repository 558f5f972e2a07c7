//! The hub's own eye, with a real model on real footage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failure is a panic")]

#[path = "../../shared/vision/tests/onnx/dark.rs"]
mod dark;

#[path = "../../shared/vision/tests/onnx/mod.rs"]
mod onnx;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cloud_hub::bus::{Bus, Item, Subscription, Want, hub_clock};
use cloud_hub::infer::{Infer, InferConfig, InferState};
use cloud_hub::registry::Registry;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::encode::Encoder;
use omma_media::frame::Colour;
use omma_protocol::camera::{CameraReport, CameraState, Placement};
use omma_protocol::detection::Place;
use omma_protocol::event::{Lasting, Phase};
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_vision::engine::EngineChoice;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(90);

fn folder(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `make setup`")))
}

fn config(model: Option<PathBuf>) -> InferConfig {
    InferConfig {
        model,
        engine: EngineChoice::Auto,
        onnxruntime: Some(folder("OMMA_ONNXRUNTIME")),
        threads: 1,
        min_score: 0.4,
        labels: Some(vec!["person".into()]),
        rate: InferConfig::RATE,
    }
}

fn place(registry: &Registry, stream: &StreamId, placement: Placement) {
    let report = CameraReport {
        camera: stream.camera.clone(),
        name: "Door".into(),
        placement,
        state: CameraState::Live,
        video: None,
    };
    registry.update(&stream.edge, |edge| edge.cameras = vec![report]);
}

fn footage() -> Vec<AccessUnit> {
    let stream = std::fs::read(folder("OMMA_FOOTAGE").join("vtest.h264")).expect("vtest.h264: run `make setup`");
    let begin = hub_clock().0;
    let units = split_access_units(&stream).into_iter().take(60).enumerate();
    units
        .map(|(n, data)| AccessUnit {
            time: CaptureTime(begin + n as i64 * 100_000),
            key: is_key(Codec::H264, data),
            codec: Codec::H264,
            data: data.to_vec().into(),
        })
        .collect()
}

async fn result_of(viewer: &mut Subscription) -> omma_protocol::track::FrameResult {
    loop {
        match timeout(LONG, viewer.next()).await.expect("a result in time") {
            Some(Item::Result(result)) => return (*result).clone(),
            Some(Item::Unit { .. }) => {}
            None => panic!("the stream ended"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_looks_at_cameras_placed_there_and_closes_its_events_when_they_go() {
    let (bus, registry, stop) = (Bus::new(), Registry::default(), CancellationToken::new());
    let stream: StreamId = "site.door".parse().unwrap();
    let mut want = bus.want(&stream);
    let (sink, mut lasting) = mpsc::channel(16);
    let model = folder("OMMA_MODELS").join("nanodet-g-416x640");
    let infer = Infer::start(config(Some(model)), bus.clone(), registry.clone(), sink, stop.clone());
    let mut state = infer.state();
    let ready = timeout(LONG, state.wait_for(|state| *state != InferState::Loading)).await.unwrap().unwrap().clone();
    let InferState::Ready { engine, model } = ready else { panic!("{ready:?}") };

    place(&registry, &stream, Placement::Edge);
    tokio::task::yield_now().await;
    assert_eq!(*want.borrow_and_update(), Want::default(), "the edge looks at it");
    place(&registry, &stream, Placement::Hub);
    timeout(LONG, want.wait_for(|want| *want == Want::UNITS)).await.unwrap().unwrap();

    let mut viewer = bus.subscribe(&stream, Want::RESULTS);
    let kept = tokio::spawn(async move {
        let mut kept = vec![];
        while let Some((stream, each)) = lasting.recv().await {
            kept.push((stream, each));
        }
        kept
    });
    let units = footage();
    let times: BTreeSet<_> = units.iter().map(|unit| unit.time).collect();
    let mut persons = 0;
    for unit in units {
        let time = unit.time;
        bus.unit(&stream, unit);
        let result = result_of(&mut viewer).await;
        assert!(times.contains(&result.time) && result.time <= time);
        assert_eq!((result.analyst.place, &*result.analyst.engine), (Place::Hub, engine.as_str()));
        assert_eq!(&*result.analyst.model, model.as_str());
        assert!(result.tracks.iter().all(|track| &*track.label == "person"));
        persons += result.tracks.len();
    }
    assert!(persons > 60, "only {persons} boxes of persons in 60 frames of a busy square");

    registry.update(&stream.edge, |edge| edge.cameras.clear());
    timeout(LONG, want.wait_for(|want| !want.units)).await.unwrap().unwrap();
    stop.cancel();
    let kept = timeout(LONG, kept).await.expect("the engine ends").unwrap();
    let (mut opened, mut closed, mut pictures) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (of, each) in kept {
        assert_eq!(of, stream);
        match each {
            Lasting::Event(event) => match event.phase {
                Phase::Opened => assert!(opened.insert(event.id)),
                Phase::Updated => assert!(opened.contains(&event.id)),
                Phase::Closed => assert!(closed.insert(event.id)),
            },
            Lasting::Picture(picture) => {
                assert!(picture.jpeg.starts_with(&[0xff, 0xd8]));
                assert!(picture.crop.is_some_and(|crop| crop.starts_with(&[0xff, 0xd8])));
                pictures.insert(picture.event);
            }
            Lasting::Incident(incident) => panic!("{incident:?}"),
        }
    }
    assert!(!opened.is_empty());
    assert_eq!(opened, closed);
    assert_eq!(opened, pictures);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_that_loads_it_says_why_and_asks_for_nothing() {
    for (model, part) in [(None, "infer.model"), (Some(PathBuf::from("no-such-folder")), "no-such-folder")] {
        let (bus, registry) = (Bus::new(), Registry::default());
        let stream: StreamId = "site.door".parse().unwrap();
        place(&registry, &stream, Placement::Hub);
        let (sink, mut lasting) = mpsc::channel(16);
        let (loads, stop) = (model.is_some(), CancellationToken::new());
        let infer = Infer::start(config(model), bus.clone(), registry, sink, stop.clone());
        let mut state = infer.state();
        let state =
            timeout(LONG, state.wait_for(|state| *state != InferState::Loading)).await.unwrap().unwrap().clone();
        match state {
            InferState::Unavailable { reason } if !loads => assert!(reason.contains(part), "{reason}"),
            InferState::Failing { reason } if loads => assert!(reason.contains(part), "{reason}"),
            other => panic!("{other:?}"),
        }
        stop.cancel();
        // The way to the store is given up, so that shutting down need not wait for it.
        assert!(timeout(LONG, lasting.recv()).await.expect("in time").is_none());
        assert_eq!(*bus.want(&stream).borrow(), Want::default());
    }
}

/// A camera that the hub looks at with the [`dark`] model.
struct Site {
    bus: Bus,
    infer: Infer,
    lasting: mpsc::Receiver<(StreamId, Lasting)>,
    viewer: Subscription,
    stream: StreamId,
    encoder: Encoder,
    /// Of its last picture.
    time: CaptureTime,
    model: tempfile::TempDir,
    stop: CancellationToken,
}

impl Site {
    async fn begin() -> Self {
        let (bus, registry, stop) = (Bus::new(), Registry::default(), CancellationToken::new());
        let stream: StreamId = "site.door".parse().unwrap();
        let (sink, lasting) = mpsc::channel(64);
        let model = tempfile::tempdir().unwrap();
        dark::write_model(model.path());
        let config = InferConfig { engine: EngineChoice::Ort, ..config(Some(model.path().to_owned())) };
        place(&registry, &stream, Placement::Hub);
        let viewer = bus.subscribe(&stream, Want::RESULTS);
        let infer = Infer::start(config, bus.clone(), registry, sink, stop.clone());
        let mut want = bus.want(&stream);
        timeout(LONG, want.wait_for(|want| want.units)).await.unwrap().unwrap();
        let (encoder, time) = (Encoder::of_constant_quality(Colour::default()).unwrap(), hub_clock());
        Self { bus, infer, lasting, viewer, stream, encoder, time, model, stop }
    }

    fn dark(&mut self) -> AccessUnit {
        dark::picture(&mut self.encoder, dark::DARK, self.time)
    }

    fn bright(&mut self) -> AccessUnit {
        dark::picture(&mut self.encoder, dark::BRIGHT, self.time)
    }

    /// Of a codec that the hub does not have.
    fn foreign(&mut self) -> AccessUnit {
        AccessUnit { time: self.time, key: true, codec: Codec::H265, data: vec![0, 0, 0, 1, 0x40, 1, 12].into() }
    }

    /// Sends such units until it is so.
    async fn send_until(&mut self, unit: fn(&mut Self) -> AccessUnit, mut is_so: impl FnMut(&mut Self) -> bool) {
        let all = async {
            while !is_so(self) {
                self.time = self.time + Duration::from_millis(200);
                let unit = unit(self);
                self.bus.unit(&self.stream, unit);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, all).await.expect("it does not come to that");
    }

    /// Whether it has made such an event, since it was asked last.
    fn made(&mut self, phase: Phase) -> bool {
        let made = std::iter::from_fn(|| self.lasting.try_recv().ok());
        made.filter(|(_, each)| matches!(each, Lasting::Event(event) if event.phase == phase)).count() > 0
    }

    fn unseen(&self) -> Option<String> {
        self.infer.unseen().reason(&self.stream)
    }

    fn state(&self) -> InferState {
        self.infer.state().borrow().clone()
    }

    /// Waits for the end of its event, though nothing more comes.
    async fn closes(&mut self) {
        let closed = async {
            while !self.made(Phase::Closed) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Sooner than a silent stream would close it.
        timeout(Duration::from_secs(5), closed).await.expect("its event stays open");
    }
}

/// It was a counter that rose and nothing else: events stayed open, and nobody was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_fails_at_every_look_is_told_leaves_no_event_open_and_is_loaded_anew() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.made(Phase::Opened)).await;
    assert_eq!(site.unseen(), None);
    let renamed = dark::MANIFEST.replace("made-up", "another");
    std::fs::write(site.model.path().join("model.toml"), renamed).unwrap();
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    assert!(site.unseen().unwrap().starts_with("detect: "), "{:?}", site.unseen());
    assert!(matches!(site.state(), InferState::Failing { .. }), "{:?}", site.state());
    site.closes().await;
    site.send_until(Site::dark, |site| site.unseen().is_none()).await;
    // Another device or engine may have taken the place of the one that was lost.
    assert!(matches!(site.state(), InferState::Ready { model, .. } if model == "another"));
    while &*result_of(&mut site.viewer).await.analyst.model != "another" {}
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_detector_can_be_loaded_anew_that_is_told_until_nobody_need_be_looked_at() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.made(Phase::Opened)).await;
    std::fs::remove_file(site.model.path().join("model.onnx")).unwrap();
    let is_without = |why: String| why.starts_with("there is no detector: ");
    site.send_until(Site::bright, |site| site.unseen().is_some_and(is_without)).await;
    let mut state = site.infer.state();
    assert!(matches!(&*state.borrow(), InferState::Failing { .. }));
    // It falls silent: nobody is looked at for whom the detector is down.
    let ready = state.wait_for(|state| matches!(state, InferState::Ready { .. }));
    timeout(LONG, ready).await.expect("in time").unwrap();
    assert_eq!(site.unseen(), None);
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_hub_cannot_decode_any_more_is_told_and_leaves_no_event_open() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.made(Phase::Opened)).await;
    site.send_until(Site::foreign, |site| site.unseen().is_some()).await;
    assert!(matches!(site.state(), InferState::Ready { .. }));
    site.closes().await;
    site.send_until(Site::dark, |site| site.unseen().is_none()).await;
    site.stop.cancel();
}
