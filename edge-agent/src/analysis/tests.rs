//! One camera's analysis with a real decoder and a real engine, whose network sees a person in dark pictures and fails at bright
//! ones.

#[path = "../../../shared/vision/tests/onnx/dark.rs"]
mod dark;

#[path = "../../../shared/vision/tests/onnx/mod.rs"]
mod onnx;

mod over;

mod stuck;

use std::path::Path;

use dark::{MANIFEST, picture, write_model};
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::encode::Encoder;
use omma_media::frame::Colour;
use omma_protocol::camera::Placement;
use omma_protocol::event::Phase;
use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_runtime::health::Health;
use omma_vision::detect::DetectorConfig;
use omma_vision::engine::{Device, EngineChoice};
use omma_vision::gate::{GateConfig, Mode};

use super::*;
use crate::config::Transport;
use crate::config::checked::{DeviceOptions, HttpOptions};
use crate::outbox::Which;
use crate::source::url::CameraUrl;
use crate::unit::Feed;

const WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn camera(mode: Mode) -> Camera {
    Camera {
        id: "door".parse().unwrap(),
        name: "Door".to_owned(),
        url: CameraUrl::parse("rtsp://192.0.2.1/").unwrap(),
        sub_url: None,
        transport: Transport::Tcp,
        http: HttpOptions::default(),
        device: DeviceOptions::default(),
        placement: Placement::Edge,
        rate: 5.0,
        min_score: 0.5,
        gate: GateConfig { mode, ..GateConfig::default() },
        rules: omma_vision::event::rule::config::RulesConfig::default(),
    }
}

/// A camera that is looked at.
struct Site {
    clock: EdgeClock,
    feed: Feed,
    told: Told,
    shared: Shared,
    health: Health,
    encoder: Encoder,
    /// Pictures so far.
    sent: i64,
    ends: CancellationToken,
    looks: Option<std::thread::JoinHandle<()>>,
    wanted: watch::Sender<bool>,
    results: broadcast::Receiver<Arc<CameraResult>>,
    /// Time between two pictures, µs.
    every: i64,
    /// Key pictures of a stream with B-frames.
    held_back: Vec<bytes::Bytes>,
    folder: tempfile::TempDir,
}

impl Site {
    async fn begin() -> Self {
        Self::gated(Mode::Always, 200_000).await
    }

    async fn gated(mode: Mode, every: i64) -> Self {
        Self::watched(mode, every, Pulse::unwatched()).await
    }

    async fn watched(mode: Mode, every: i64, pulse: Pulse) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_model(folder.path());
        let library = std::env::var_os("OMMA_ONNXRUNTIME").expect("OMMA_ONNXRUNTIME: run tests by `make test`");
        let detector = DetectorConfig {
            model: folder.path().to_owned(),
            // tract's gather panics where there is no such table.
            engine: EngineChoice::Ort,
            onnxruntime: Some(library.into()),
            device: Device::Cpu,
            ..DetectorConfig::default()
        };
        let (clock, feed, health) = (EdgeClock::start(), Feed::new(), Health::new());
        let shared = Shared::load(detector, health.part("detector")).await.unwrap();
        let told = told(folder.path(), &health);
        let (wanted, ends, results) = (watch::Sender::new(true), CancellationToken::new(), told.results.subscribe());
        let eyes = Eyes { decoder: DecoderChoice::OpenH264, shared: shared.clone() };
        let runtime = Handle::current();
        let looker =
            Looker::new(Arc::new(camera(mode)), clock.clone(), eyes, told.clone(), wanted.subscribe(), pulse, runtime);
        let (units, token) = (feed.read("analysis behind", clock.now()), ends.clone());
        let looks = Some(std::thread::spawn(move || looker.run(units, &token)));
        let encoder = Encoder::of_constant_quality(Colour::default()).unwrap();
        let (sent, held_back) = (0, vec![]);
        Self {
            clock,
            feed,
            told,
            shared,
            health,
            encoder,
            sent,
            ends,
            looks,
            wanted,
            results,
            every,
            held_back,
            folder,
        }
    }

    /// Sends such units until it is so.
    async fn send_until(&mut self, unit: fn(&mut Self) -> AccessUnit, mut is_so: impl FnMut(&mut Self) -> bool) {
        let all = async {
            while !is_so(self) {
                let unit = unit(self);
                self.sent += 1;
                self.feed.deliver(unit, self.clock.now());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(WITHIN, all).await.expect("it does not come to that");
    }

    fn picture(&mut self, luma: u8) -> AccessUnit {
        let time = self.time();
        picture(&mut self.encoder, luma, time)
    }

    fn dark(&mut self) -> AccessUnit {
        self.picture(dark::DARK)
    }

    /// As the detector sees it, a tenth to a fifth of white.
    fn dim(&mut self) -> AccessUnit {
        self.picture(49)
    }

    fn bright(&mut self) -> AccessUnit {
        self.picture(dark::BRIGHT)
    }

    /// The same, and the decoder holds it back until it knows of the next.
    fn dim_and_held_back(&mut self) -> AccessUnit {
        let data = self.held_back[self.sent as usize % self.held_back.len()].clone();
        AccessUnit { time: self.time(), key: true, codec: Codec::H264, data }
    }

    /// Of a codec that the decoder does not have.
    fn foreign(&mut self) -> AccessUnit {
        AccessUnit { time: self.time(), key: true, codec: Codec::H265, data: vec![0, 0, 0, 1, 0x40, 1, 12].into() }
    }

    /// What follows its parameter sets is garbage, as of a camera that encrypts its slices.
    fn garbled(&mut self) -> AccessUnit {
        let unit = self.dark();
        let mut data = unit.data.to_vec();
        let slice = data.windows(3).rposition(|three| three == [0, 0, 1]).unwrap() + 4;
        data[slice..].fill(0xff);
        AccessUnit { data: data.into(), ..unit }
    }

    fn time(&self) -> CaptureTime {
        CaptureTime(1_700_000_000_000_000 + self.sent * self.every)
    }

    fn waiting(&self) -> u64 {
        self.told.outbox.state().borrow().waiting
    }

    fn camera(&self) -> CameraId {
        camera(Mode::Always).id
    }

    fn is_idle(&self) -> bool {
        self.told.gates.show(&self.camera()).is_some_and(|gate| gate.state == "idle")
    }

    /// The newest result since it was asked last.
    fn told(&mut self) -> Option<Arc<CameraResult>> {
        std::iter::from_fn(|| self.results.try_recv().ok()).last()
    }

    /// How many are there by that.
    fn told_there(&mut self) -> Option<usize> {
        self.told().map(|told| told.result.tracks.len())
    }

    fn unseen(&self) -> Option<String> {
        self.told.gates.unseen(&self.camera())
    }

    fn is_ready(&self) -> bool {
        self.health.readiness().ready
    }

    /// What became of each event, in order.
    async fn phases(&self) -> Vec<Phase> {
        self.told.outbox.sync().await.unwrap();
        let mut phases = vec![];
        for number in 1..=self.waiting() {
            if let Lasting::Event(event) = self.told.outbox.read(Which::Exactly(number)).await.unwrap().unwrap().what {
                phases.push(event.phase);
            }
        }
        phases
    }

    /// Waits until its event is over, though nothing more comes.
    async fn closes(&self) {
        let closed = async {
            while self.phases().await.last() != Some(&Phase::Closed) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Sooner than a silent stream would close it.
        tokio::time::timeout(SILENCE / 2, closed).await.expect("its event stays open");
    }

    async fn end(mut self) {
        self.ends.cancel();
        self.looks.take().unwrap().join().unwrap();
        self.told.outbox.end().await;
    }
}

fn told(data: &Path, health: &Health) -> Told {
    let part = health.part("outbox");
    let outbox = crate::outbox::open(&data.join("outbox"), 1 << 30, part).unwrap();
    let (notices, _) = Notices::new("site".parse().unwrap(), false, None);
    let results = broadcast::channel(RESULTS).0;
    Told { results, outbox, gates: Gates::default(), notices, data: data.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_becomes_undecodable_and_goes_on_leaves_no_event_open() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.waiting() > 0).await;
    assert_eq!((site.phases().await.first(), site.unseen()), (Some(&Phase::Opened), None));
    site.send_until(Site::foreign, |site| site.unseen().is_some()).await;
    site.closes().await;
    site.send_until(Site::dark, |site| site.unseen().is_none()).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_every_picture_is_broken_is_said_to_be_and_leaves_no_event_open() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.waiting() > 0).await;
    site.send_until(Site::garbled, |site| site.unseen().is_some()).await;
    site.closes().await;
    site.send_until(Site::dark, |site| site.unseen().is_none()).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_fails_at_every_look_is_told_and_leaves_no_event_open() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.waiting() > 0).await;
    assert!(site.is_ready() && site.unseen().is_none());
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    assert!(site.unseen().unwrap().starts_with("detect: "), "{:?}", site.unseen());
    assert!(!site.is_ready(), "{:?}", site.health.readiness());
    site.closes().await;
    site.send_until(Site::dark, |site| site.unseen().is_none() && site.is_ready()).await;
    site.end().await;
}

/// Key pictures that show what [`Site::dim`] does.
fn key_pictures_with_b_frames_between() -> Vec<bytes::Bytes> {
    let film = ["-f", "lavfi", "-i", "color=c=0x262626:size=64x64:rate=5", "-frames:v", "16", "-c:v", "libx264"];
    let coder = ["-bf", "2", "-x264-params", "b-adapt=0:repeat-headers=1:keyint=4:min-keyint=4:scenecut=0"];
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error"]).args(film).args(coder);
    let coded = ffmpeg.args(["-f", "h264", "-"]).output().expect("ffmpeg: `make setup` installs it").stdout;
    let units = split_access_units(&coded).into_iter().filter(|unit| is_key(Codec::H264, unit));
    units.map(bytes::Bytes::copy_from_slice).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_b_frames_that_can_be_decoded_again_is_said_to_be_though_the_gate_is_idle() {
    let mut site = Site::gated(Mode::Gated, 2_000_000).await;
    site.held_back = key_pictures_with_b_frames_between();
    site.send_until(Site::dim_and_held_back, |site| site.is_idle()).await;
    site.send_until(Site::foreign, |site| site.unseen().is_some()).await;
    // Nothing but a probe of an idle gate has it learn again.
    site.send_until(Site::dim_and_held_back, |site| site.unseen().is_none()).await;
    site.send_until(Site::dim_and_held_back, |site| site.told_there() == Some(0)).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_is_down_keeps_nobody_unready_once_nobody_looks_any_more() {
    let mut site = Site::begin().await;
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    assert!(!site.is_ready());
    site.wanted.send_replace(false);
    site.send_until(Site::bright, |site| site.is_ready()).await;
    site.end().await;
}

/// Another device or engine may take the place of the one that was lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_detector_finds_that_was_loaded_anew_bears_its_own_name() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.told().is_some_and(|told| &*told.result.analyst.model == "made-up")).await;
    std::fs::write(site.folder.path().join("model.toml"), MANIFEST.replace("made-up", "another")).unwrap();
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    site.send_until(Site::dark, |site| site.told().is_some_and(|told| &*told.result.analyst.model == "another")).await;
    site.end().await;
}

/// The one of before is let go first, so that there is room for it.
#[tokio::test(flavor = "multi_thread")]
async fn where_a_detector_can_not_be_loaded_anew_looks_fail_and_do_not_find_that_nobody_is_there() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.told_there() == Some(1)).await;
    std::fs::remove_file(site.folder.path().join("model.onnx")).unwrap();
    let is_without = |why: String| why.starts_with("there is no detector: ");
    site.send_until(Site::bright, |site| site.unseen().is_some_and(is_without)).await;
    assert!(!site.is_ready());
    assert!(site.told_there().is_none_or(|there| there == 1));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_called_gone_wrongly_is_counted_again_when_a_probe_finds_him() {
    let mut site = Site::gated(Mode::Gated, 2_000_000).await;
    site.send_until(Site::dark, |site| site.is_idle()).await;
    assert_eq!(site.told_there(), Some(1));
    site.send_until(Site::dim, |site| site.told_there() == Some(0)).await;
    assert!(site.is_idle());
    site.send_until(Site::dark, |site| site.told_there() == Some(1)).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rests_while_detection_is_switched_off_is_counted_when_it_is_on_again() {
    let mut site = Site::gated(Mode::Gated, 2_000_000).await;
    site.send_until(Site::dark, |site| site.is_idle()).await;
    site.wanted.send_replace(false);
    site.send_until(Site::dark, |site| site.told.gates.show(&site.camera()).is_none()).await;
    site.closes().await;
    assert_eq!(site.told_there(), Some(1));
    site.wanted.send_replace(true);
    site.send_until(Site::dark, |site| site.told_there() == Some(1)).await;
    site.end().await;
}
