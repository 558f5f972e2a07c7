//! The live part of a hub on free ports, and a camera whose pictures the test sends by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cloud_hub::access::{Access, attempts::Attempts};
use cloud_hub::bus::{Bus, hub_clock};
use cloud_hub::feed::Feed;
use cloud_hub::live::{self, LiveConfig, LiveState};
use cloud_hub::registry::Registry;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::bitstream::nal::nals;
use omma_protocol::camera::{CameraReport, CameraState, Placement, VideoInfo};
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::geometry::Rect;
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{FrameResult, Track, TrackId};
use omma_protocol::unit::{AccessUnit, Codec};
use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser};
use omma_testkit::viewer::{Hub, Seen, Viewer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Long enough for anything on a machine that also compiles.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct TestHub {
    pub bus: Bus,
    pub registry: Registry,
    pub feed: Feed,
    pub token: String,
    pub address: SocketAddr,
    stop: CancellationToken,
    _folder: TempDir,
}

impl TestHub {
    pub(crate) async fn start(max_sessions: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bus, registry, feed) = (Bus::new(), Registry::default(), Feed::default());
        let access = Access::open(folder.path()).unwrap();
        let token = access.token().expose().clone();
        let stop = CancellationToken::new();
        let config = LiveConfig { udp: ([127, 0, 0, 1], 0).into(), announce: vec![], max_sessions };
        let attempts = Attempts::default();
        let (live_bus, live_registry, live_feed) = (bus.clone(), registry.clone(), feed.clone());
        let state =
            LiveState::start(&config, live_bus, live_registry, access, attempts, live_feed, stop.clone()).unwrap();
        let routes = live::router(state.clone()).merge(live::socket(state));
        let app = axum::Router::new().nest("/api/v1", routes.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { bus, registry, feed, token, address, stop, _folder: folder }
    }

    pub(crate) fn at(&self) -> Hub {
        Hub::new(Url::parse(&format!("http://{}", self.address)).unwrap(), &self.token)
    }

    /// Makes a camera known.
    pub(crate) fn camera(&self, stream: &str, codec: Codec, reorders: bool) -> Camera {
        let stream: StreamId = stream.parse().unwrap();
        let report = CameraReport {
            camera: stream.camera.clone(),
            name: "Door".into(),
            placement: Placement::Edge,
            state: CameraState::Live,
            video: Some(VideoInfo { codec, width: 768, height: 576, reorders }),
        };
        self.registry.update(&stream.edge, |edge| {
            edge.connected = true;
            edge.cameras.push(report);
        });
        // As ingest does for each camera it hears of.
        drop(self.bus.want(&stream));
        Camera { bus: self.bus.clone(), stream, units: footage(), sent: 0 }
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The units of `vtest.h264`: 768x576, main profile, no B-frames, a key picture every 20.
fn footage() -> Vec<AccessUnit> {
    let folder = std::env::var("OMMA_FOOTAGE").expect("OMMA_FOOTAGE names the folder of footage: run `make setup`");
    let stream = std::fs::read(format!("{folder}/vtest.h264")).expect("vtest.h264: run `make setup`");
    let begin = hub_clock().0;
    let units = split_access_units(&stream).into_iter().take(200).enumerate();
    units
        .map(|(n, data)| AccessUnit {
            time: CaptureTime(begin + n as i64 * 33_333),
            key: is_key(Codec::H264, data),
            codec: Codec::H264,
            data: data.to_vec().into(),
        })
        .collect()
}

pub(crate) struct Camera {
    bus: Bus,
    pub stream: StreamId,
    units: Vec<AccessUnit>,
    sent: usize,
}

impl Camera {
    /// Sends the next `count` units. Returns them as a viewer must see them.
    pub(crate) fn send(&mut self, count: usize) -> Vec<(u32, Vec<u8>)> {
        let units = &self.units[self.sent..self.sent + count];
        self.sent += count;
        units.iter().for_each(|unit| self.bus.unit(&self.stream, unit.clone()));
        units.iter().map(as_seen).collect()
    }

    /// Sends units up to the one before the next key picture.
    pub(crate) fn send_rest_of_group(&mut self) -> Vec<(u32, Vec<u8>)> {
        let rest = self.units[self.sent..].iter().position(|unit| unit.key).expect("another key picture");
        self.send(rest)
    }

    /// Sends a key picture of another codec.
    pub(crate) fn send_codec(&self, codec: Codec) {
        let unit = &self.units[0];
        let time = CaptureTime(unit.time.0 + 3_600_000_000);
        self.bus.unit(&self.stream, AccessUnit { codec, time, ..unit.clone() });
    }

    /// The result of the unit sent last.
    pub(crate) fn result(&self) -> Arc<FrameResult> {
        let analyst = Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() });
        let rect = Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 };
        let track = Track { id: TrackId(7), label: "person".into(), score: 0.5, rect };
        let time = self.units[self.sent - 1].time;
        Arc::new(FrameResult { time, tracks: vec![track], analyst, took: Duration::ZERO })
    }

    pub(crate) fn send_result(&self) {
        self.bus.result(&self.stream, self.result());
    }
}

/// RTP timestamp and byte stream, without access unit delimiters and filler, which are not sent.
fn as_seen(unit: &AccessUnit) -> (u32, Vec<u8>) {
    let mut data = vec![];
    for nal in nals(&unit.data).filter(|nal| !matches!(nal.h264_type(), 9 | 12)) {
        data.extend([0, 0, 0, 1]);
        data.extend(nal.bytes);
    }
    (unit.time.rtp(), data)
}

/// Waits until pictures and messages can flow.
pub(crate) async fn connected(viewer: &mut Viewer) {
    let (mut media, mut channel) = (false, false);
    while !(media && channel) {
        match viewer.next(LONG).await.unwrap() {
            Seen::Connected => media = true,
            Seen::ChannelOpen => channel = true,
            Seen::Gone => panic!("the session ended"),
            Seen::Picture { .. } | Seen::Said(_) => {}
        }
    }
}

/// The next `count` pictures.
pub(crate) async fn pictures(viewer: &mut Viewer, count: usize) -> Vec<(u32, Vec<u8>)> {
    let mut got = vec![];
    while got.len() < count {
        match viewer.next(LONG).await.unwrap() {
            Seen::Picture { rtp, data, .. } => got.push((rtp, data.to_vec())),
            Seen::Gone => panic!("the session ended after {} of {count} pictures", got.len()),
            _ => {}
        }
    }
    got
}

/// The next message that `wanted` takes.
pub(crate) async fn said<T>(viewer: &mut Viewer, mut wanted: impl FnMut(HubToBrowser) -> Option<T>) -> T {
    loop {
        if let Seen::Said(message) = viewer.next(LONG).await.unwrap()
            && let Some(found) = wanted(*message)
        {
            return found;
        }
    }
}

/// Asks for the clock and waits for the answer: whatever the viewer sent before has then been dealt with.
pub(crate) async fn ask_clock(viewer: &mut Viewer, id: u32) -> i64 {
    viewer.say(&BrowserToHub::Clock { id }).await.unwrap();
    said(viewer, |message| match message {
        HubToBrowser::Clock { id: answered, stream_us } if answered == id => Some(stream_us),
        _ => None,
    })
    .await
}
