//! A simulated camera, the edge's source that listens to it, and a reader that checks what comes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use edge_agent::clock::EdgeClock;
use edge_agent::config::Transport;
use edge_agent::config::checked;
use edge_agent::source::Source;
use edge_agent::source::url::CameraUrl;
use edge_agent::source::v4l2::DeviceLock;
use edge_agent::state::Reports;
use edge_agent::unit::{Feed, Reader};
use edge_core::interpreter::Mend;
use edge_core::unit_queue::Arrived;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_protocol::camera::{CameraReport, CameraState, Placement};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;
use omma_testkit::simulator::dialogue::Dialogue;
use omma_testkit::simulator::quirk::Quirk;
use omma_testkit::simulator::{Config, Server};
use omma_vision::event::rule::config::RulesConfig;
use omma_vision::gate::GateConfig;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::film::{RATE, film};

/// Far longer than anything takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How far a date may be from its unit's arrival: what the capture clock allows, and a slow machine.
const NEAR: Duration = Duration::from_secs(3);
/// Long enough for what happens in mid-stream.
const UNITS: usize = 60;

/// A camera whose URL has the path `/door`.
pub(crate) struct Camera {
    pub(crate) server: Server,
    _film: TempDir,
}

impl Camera {
    pub(crate) async fn start(quirks: &[Quirk]) -> Self {
        Self::configured(|config| config.with_quirks(quirks.iter().copied())).await
    }

    pub(crate) async fn configured(configure: impl FnOnce(Config) -> Config) -> Self {
        Self::playing(film(), configure).await
    }

    /// Gives the answers that a real one gave.
    pub(crate) async fn saying(dialogue: Dialogue) -> Self {
        Self::configured(|config| Config { dialogue: Some(dialogue), ..config }).await
    }

    /// Plays another film.
    pub(crate) async fn playing(film: &[u8], configure: impl FnOnce(Config) -> Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.h264");
        std::fs::write(&path, film).unwrap();
        let door = format!("door=file:{}@{RATE}", path.display()).parse().unwrap();
        let server = Server::start(configure(Config::new(vec![door]))).await.unwrap();
        Self { server, _film: folder }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("door")
    }
}

/// The edge's source, and a reader of its units.
pub(crate) struct Watcher {
    reader: Reader,
    reports: watch::Receiver<Vec<CameraReport>>,
    all: Reports,
    clock: EdgeClock,
    decoder: Option<Decoder>,
    last: Option<Arrived>,
    /// Widths of the pictures that were decoded.
    pub(crate) widths: BTreeSet<u32>,
    /// Pictures that were decoded.
    pub(crate) decoded: usize,
    /// How often the units began anew.
    pub(crate) beginnings: usize,
    /// Whether pictures may come in another order than they were taken.
    pub(crate) reordered: bool,
    source: JoinHandle<()>,
    _token: DropGuard,
}

impl Watcher {
    pub(crate) fn start(camera: &Camera) -> Self {
        Self::of(&camera.url(), Transport::Auto)
    }

    pub(crate) fn of(url: &str, transport: Transport) -> Self {
        Self::with(url, transport, checked::DeviceOptions::default())
    }

    pub(crate) fn with(url: &str, transport: Transport, device: checked::DeviceOptions) -> Self {
        let camera = checked::Camera {
            id: "door".parse().unwrap(),
            name: "Door".to_owned(),
            url: CameraUrl::parse(url).unwrap(),
            sub_url: None,
            transport,
            http: checked::HttpOptions::default(),
            device,
            placement: Placement::None,
            rate: 5.0,
            min_score: 0.5,
            gate: GateConfig::default(),
            rules: RulesConfig::default(),
        };
        let (feed, reports, clock) = (Feed::new(), Reports::new([&camera]), EdgeClock::start());
        let (reader, watch) = (feed.read("analysis behind", clock.now()), reports.watch());
        let token = CancellationToken::new();
        let source = Source::new(Arc::new(camera), feed, reports.clone(), clock.clone(), DeviceLock::default(), 7);
        let source = tokio::spawn(source.run(token.clone()));
        Self {
            reader,
            reports: watch,
            all: reports,
            clock,
            decoder: None,
            last: None,
            widths: BTreeSet::new(),
            decoded: 0,
            beginnings: 0,
            reordered: false,
            source,
            _token: token.drop_guard(),
        }
    }

    /// Reads so many units, all of which must decode.
    pub(crate) async fn decodes(&mut self, count: usize) {
        for _ in 0..count {
            self.decode_next().await;
        }
    }

    async fn decode_next(&mut self) -> Arrived {
        let arrived = self.next().await;
        if arrived.anew {
            self.decoder = Some(Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap());
        }
        let decoder = self.decoder.as_mut().expect("the first unit begins anew");
        if let Some(decoded) = decoder.decode(&arrived.unit).expect("a unit does not decode") {
            self.decoded += 1;
            self.widths.insert(decoded.planes().width);
        }
        arrived
    }

    /// Reads so many units, of which datagrams may be lost.
    pub(crate) async fn reads(&mut self, count: usize) {
        for _ in 0..count {
            self.next().await;
        }
    }

    /// Reads on until the units begin anew, and gives how long there were none.
    pub(crate) async fn breaks_off_and_goes_on(&mut self) -> Duration {
        let begun = self.beginnings.max(1);
        loop {
            let before = self.last.as_ref().map(|last| last.at);
            let at = self.decode_next().await.at;
            if self.beginnings > begun {
                return at.saturating_sub(before.unwrap_or(at));
            }
        }
    }

    /// Reads one unit.
    pub(crate) async fn next(&mut self) -> Arrived {
        let next = timeout(PATIENCE, self.reader.next()).await;
        let arrived = next.unwrap_or_else(|_| panic!("no unit comes: {:?}", *self.reports.borrow()));
        self.beginnings += usize::from(arrived.anew);
        let time = arrived.unit.time;
        if let Some(last) = &self.last {
            let follows = time.ticks() > last.unit.time.ticks();
            assert!(follows || self.reordered, "{time} comes after {}", last.unit.time);
        }
        let date = self.clock.date(self.clock.instant(arrived.at).into_std());
        let apart = time.since(date).max(date.since(time));
        assert!(apart < NEAR, "a unit of {date} is dated {time}");
        self.last = Some(arrived.clone());
        arrived
    }

    /// Reads one unit, and gives how long after its date it has come, µs.
    pub(crate) async fn next_lateness(&mut self) -> i64 {
        let arrived = self.next().await;
        self.clock.date(self.clock.instant(arrived.at).into_std()).0 - arrived.unit.time.0
    }

    /// Waits for a state.
    pub(crate) async fn state(&mut self, what: &str, is_it: impl Fn(&CameraReport) -> bool) -> CameraReport {
        let waited = timeout(PATIENCE, self.reports.wait_for(|reports| is_it(&reports[0]))).await;
        let found = waited.ok().map(|reports| reports.unwrap()[0].clone());
        found.unwrap_or_else(|| panic!("not {what}: {:?}", *self.reports.borrow()))
    }

    /// Waits until the camera has failed for this reason.
    pub(crate) async fn fails(&mut self, words: &str) -> String {
        let has = |report: &CameraReport| match &report.state {
            CameraState::Failed { reason } => reason.contains(words),
            CameraState::Connecting | CameraState::Live => false,
        };
        match self.state(words, has).await.state {
            CameraState::Failed { reason } => reason,
            CameraState::Connecting | CameraState::Live => String::new(),
        }
    }

    /// What the state says is put right.
    pub(crate) fn interpreted(&self) -> Vec<Mend> {
        self.all.mends(&"door".parse().unwrap())
    }

    /// Ends the source as the edge does, and waits for it.
    pub(crate) async fn stop(self) {
        let Self { source, _token, .. } = self;
        drop(_token);
        timeout(PATIENCE, source).await.expect("the source does not end").unwrap();
    }

    /// Drops the source wherever it is.
    pub(crate) fn abort(self) {
        self.source.abort();
    }

    /// When the newest unit was taken.
    pub(crate) fn newest(&self) -> CaptureTime {
        self.last.as_ref().map_or(CaptureTime(0), |last| last.unit.time)
    }
}

/// A camera with these quirks plays in one session, without a gap.
pub(crate) async fn plays(quirks: &[Quirk]) {
    plays_on(Camera::start(quirks).await).await;
}

/// So does this one.
pub(crate) async fn plays_on(camera: Camera) {
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(UNITS).await;
    watcher.state("live", |report| report.state == CameraState::Live).await;
    assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1), "it did not play without a gap");
    // A decoder may keep one picture back.
    assert!(watcher.decoded + 1 >= UNITS, "only {} of {UNITS} pictures came out", watcher.decoded);
}

/// A camera with this quirk is refused once, and then plays through the interpreter without a gap.
pub(crate) async fn is_interpreted(quirk: Quirk, mend: Mend) {
    is_interpreted_over(quirk, mend, Transport::Auto).await;
}

/// So it is over this transport.
pub(crate) async fn is_interpreted_over(quirk: Quirk, mend: Mend, transport: Transport) {
    let camera = Camera::start(&[quirk]).await;
    let mut watcher = Watcher::of(&camera.url(), transport);
    match transport {
        Transport::Auto | Transport::Tcp => watcher.decodes(UNITS).await,
        Transport::Udp => watcher.reads(UNITS).await,
    }
    watcher.state("live", |report| report.state == CameraState::Live).await;
    assert_eq!((watcher.beginnings, watcher.interpreted()), (1, vec![mend]), "it did not play without a gap");
}

/// A camera with this quirk does not play, for a reason with these words.
pub(crate) async fn is_told(quirk: Quirk, words: &str) {
    let camera = Camera::start(&[quirk]).await;
    let reason = Watcher::start(&camera).fails(words).await;
    assert!(reason.len() < 400 && !reason.contains("/door"), "{reason}");
}
