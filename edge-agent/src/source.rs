//! A camera: connected to, listened to, and connected to again, for as long as the program runs.
//!
//! When is decided by [`edge_core::session`], over which transport by [`edge_core::change_over`], capture times by
//! [`edge_core::capture_clock`]; this task does it:
//!
//! 1. wait until the session says connect, and until the last one is ended with TEARDOWN;
//! 2. open the stream ([`rtsp`], [`http`], [`v4l2`]) and take units, each under the session's time-out;
//! 3. stamp each and hand it to the camera's [`Feed`];
//! 4. when it ends, say why in the camera's report, and begin again: at once and through the interpreter, where that puts
//!    right what ended it.

pub mod rtsp;

mod redirect;

pub mod interpreter;

pub mod farewells;

pub mod http;

pub mod v4l2;

pub mod encoded;

pub mod error;

pub mod url;

mod told;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use edge_core::Moment;
use edge_core::capture_clock::CaptureClock;
use edge_core::change_over::{ChangeOver, Evidence};
use edge_core::interpreter::Mend;
use edge_core::interpreter::trials::{Ended, Trials};
use edge_core::session::{Act, Failure, SILENCE, Session};
use futures::FutureExt;
use metrics::{Counter, counter, describe_counter};
use omma_media::bitstream::Watch;
use omma_protocol::camera::CameraState;
use omma_protocol::unit::AccessUnit;
use omma_runtime::step::Step;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::state::Reports;
use crate::step;
use crate::unit::Feed;
use error::SourceError;
use farewells::Farewells;
use rtsp::{Coded, Item};
use told::Told;

/// How long a camera has to answer TEARDOWN before it is connected to again. Some let no second session in.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long a stream may go on from its beginning without a key picture. Encoders that save bits have one every 16 s.
const KEY_PATIENCE: Duration = Duration::from_secs(20);

/// Everything that one camera's task works with.
#[derive(Debug)]
pub struct Source {
    camera: Arc<Camera>,
    feed: Feed,
    reports: Reports,
    clock: EdgeClock,
    session: Session,
    transport: ChangeOver,
    trials: Trials,
    /// Since when this session is live.
    live: Option<Moment>,
    farewells: Farewells,
    device_lock: v4l2::DeviceLock,
    stamps: CaptureClock,
    watch: Watch,
    step: Step,
    reconnects: Counter,
    /// Of failures, since the camera was last live.
    told: Told,
    /// Of what is wrong with a stream that goes on.
    told_live: Told,
}

impl Source {
    /// `device_lock` is that of the device, where the camera is one; `seed` spreads the retries of cameras that were lost together.
    pub fn new(
        camera: Arc<Camera>,
        feed: Feed,
        reports: Reports,
        clock: EdgeClock,
        device_lock: v4l2::DeviceLock,
        seed: u64,
    ) -> Self {
        let session = Session::new(clock.now(), seed);
        let reconnects = counter!("omma_source_connects_total", "camera" => camera.id.to_string());
        let step = Step::new(step::SOURCE);
        Self {
            transport: ChangeOver::new(camera.transport.into()),
            trials: Trials::default(),
            live: None,
            farewells: Farewells::default(),
            device_lock,
            stamps: CaptureClock::default(),
            watch: Watch::default(),
            told: Told::default(),
            told_live: Told::default(),
            camera,
            feed,
            reports,
            clock,
            session,
            step,
            reconnects,
        }
    }

    /// Runs until `token` is cancelled, and then until the camera has ended the session or does not answer: who begins anew with
    /// a camera of one session finds it free, and who ends the program leaves none behind.
    pub async fn run(mut self, token: CancellationToken) {
        let span = self.step.span();
        async {
            // What one camera sends must not end the others, even if it finds a fault in what reads it.
            while let Some(done) = token.run_until_cancelled(AssertUnwindSafe(self.one_session()).catch_unwind()).await
            {
                if done.is_err() {
                    let what = "reading this camera ended in a fault of this program: please report it";
                    self.feed.interrupted();
                    self.ended(SourceError::Failed(what.to_owned()), Evidence::None);
                    // What failed may come before the wait of the next attempt.
                    let wake = self.clock.instant(self.session.wake());
                    token.run_until_cancelled(tokio::time::sleep_until(wake)).await;
                }
            }
            self.say_farewell().await;
        }
        .instrument(span)
        .await;
    }

    async fn say_farewell(&self) {
        if self.farewells.unanswered(FAREWELL).await {
            counter!("omma_source_teardowns_unanswered_total", "camera" => self.camera.id.to_string()).increment(1);
        }
    }

    async fn one_session(&mut self) {
        self.say_farewell().await;
        tokio::time::sleep_until(self.clock.instant(self.session.wake())).await;
        if self.session.poll(self.clock.now()) != Act::Connect {
            return;
        }
        self.reconnects.increment(1);
        let (camera, farewells, way) = (Arc::clone(&self.camera), self.farewells.clone(), self.transport.way());
        let (device_lock, mends) = (self.device_lock.clone(), self.trials.mends());
        let mut packets_asked_for = false;
        let opening = async {
            if camera.url.is_http() {
                return Ok(Stream::Http(Box::new(http::open(&camera).await?)));
            }
            if let Some(device) = camera.url.device() {
                return Ok(Stream::V4l2(v4l2::open(&device, camera.device, &device_lock).await?));
            }
            let described = rtsp::describe(&camera.url, &farewells, way, mends).await?;
            packets_asked_for = true;
            farewells.begins();
            for mend in mends.iter() {
                counter!("omma_source_interpreted_total", "camera" => camera.id.to_string(), "fault" => mend.name())
                    .increment(1);
            }
            Ok(Stream::Rtsp(Box::new(described.play().await?)))
        };
        let failure = match self.in_time(opening).await {
            Ok(Ok(mut stream)) => {
                self.session.allow_silence(stream.silence());
                self.listen(&mut stream).await
            }
            Ok(Err(e)) | Err(e) => e,
        };
        self.feed.interrupted();
        let evidence = if packets_asked_for { failure.evidence() } else { Evidence::None };
        self.ended(failure, evidence);
    }

    async fn listen(&mut self, stream: &mut Stream) -> SourceError {
        self.stamps.restart();
        let mut key_due = Some(self.clock.now() + KEY_PATIENCE);
        loop {
            let coded = match self.in_time(stream.next()).await {
                Ok(Ok(Item::Unit(coded))) => coded,
                Ok(Ok(Item::Report(report))) => {
                    self.stamps.report(report.rtp, report.camera);
                    continue;
                }
                Ok(Err(e)) | Err(e) => return stream.explain(e),
            };
            if self.take(coded) {
                key_due = None;
            }
            // A new session begins with a key picture, as a rule.
            let missed = key_due.filter(|due| self.clock.now() > *due).map(|_| KEY_PATIENCE);
            if let Some(missed) = missed.or_else(|| self.feed.key_missed(self.clock.now())) {
                return SourceError::NoKeyPicture { seconds: missed.as_secs() };
            }
        }
    }

    /// Waits for `work` as long as the session allows.
    async fn in_time<F: Future>(&mut self, work: F) -> Result<F::Output, SourceError> {
        tokio::pin!(work);
        loop {
            let deadline = self.clock.instant(self.session.wake());
            if let Ok(done) = tokio::time::timeout_at(deadline, &mut work).await {
                return Ok(done);
            }
            if let Act::Abandon(waited) = self.session.poll(self.clock.now()) {
                return Err(SourceError::Silent { seconds: waited.as_secs() });
            }
        }
    }

    /// Gives whether it is a key picture.
    fn take(&mut self, coded: Coded) -> bool {
        let now = self.clock.now();
        if coded.lost_packets > 0 {
            self.step.dropped_many("packet lost", u64::from(coded.lost_packets));
        }
        if coded.unusable_packets > 0 {
            self.step.dropped_many("packet unusable", u64::from(coded.unusable_packets));
        }
        let reorders = self.watch.info().is_some_and(|video| video.reorders);
        let stamped = self.stamps.stamp(coded.rtp, self.clock.date(coded.first_packet), coded.key, reorders);
        if let Some(jump) = stamped.jump {
            self.step.dropped("timestamp jumped");
            // Of two encoders under one SSRC each unit may jump; the counter has them all.
            if self.told_live.is_due("timestamp jumped", now) {
                let (rtp_ms, late_ms) = (jump.rtp_us / 1000, jump.late_us / 1000);
                tracing::info!(camera = %self.camera.id, rtp_ms, late_ms, "the camera's timestamps jumped: dated anew");
            }
        }
        let key = coded.key;
        let unit = AccessUnit { time: stamped.time, key, codec: coded.codec, data: coded.data };
        if let Some(video) = self.watch.see(&unit) {
            let video = video.clone();
            tracing::info!(
                camera = %self.camera.id, codec = video.codec.name(), width = video.width, height = video.height,
                reorders = video.reorders, "video"
            );
            self.reports.change(&self.camera.id, |report| report.video = Some(video));
        }
        self.step.observe(now.saturating_sub(self.clock.moment(coded.first_packet)));
        self.step.done();
        self.feed.deliver(unit, now);
        self.transport.picture();
        if self.session.unit(now) {
            self.told.clear();
            self.live = Some(now);
            // RTP has a choice of ways.
            let way = self.camera.url.is_rtsp().then(|| self.transport.way().name());
            tracing::info!(camera = %self.camera.id, url = %self.camera.url, way, "live");
            self.reports.change(&self.camera.id, |report| report.state = CameraState::Live);
        }
        key
    }

    /// What the interpreter is to put right from now on, where this failure comes of a fault that it can.
    fn newly_mended(&mut self, error: &SourceError) -> Option<Mend> {
        let (now, url) = (self.clock.now(), &self.camera.url);
        let new = self.trials.ended(
            now,
            Ended {
                way: self.transport.way(),
                fault: error.mend(),
                age: self.live.take().map(|since| now.saturating_sub(since)),
                closed: error.is_closed() && url.is_rtsp() && url.credentials().is_some(),
                absent: error.is_absence(),
            },
        );
        self.reports.interpreted(&self.camera.id, self.trials.mends());
        new
    }

    fn ended(&mut self, error: SourceError, evidence: Evidence) {
        let (now, kind) = (self.clock.now(), error.kind());
        counter!("omma_source_failures_total", "camera" => self.camera.id.to_string(), "kind" => kind).increment(1);
        if let Some(mend) = self.newly_mended(&error) {
            tracing::info!(camera = %self.camera.id, mend = mend.name(), "a fault of the camera is put right from here on");
            self.session.failed(now, Failure::Mended);
            self.transport.failed(Evidence::None);
            self.reports.change(&self.camera.id, |report| report.state = CameraState::Connecting);
            return;
        }
        let failure = if error.is_refusal() { Failure::Refused } else { Failure::Failed };
        self.session.failed(now, failure);
        let by_tcp = error.mend().is_some_and(|mend| !mend.works_over(self.transport.way()));
        let other = self.transport.failed(evidence);
        if let Some(way) = other {
            tracing::debug!(camera = %self.camera.id, way = way.name(), "the other transport is tried");
        }
        if self.transport.is_finding_out() {
            return;
        }
        let hint = if by_tcp { "; this is put right over TCP, not over UDP" } else { "" };
        let reason = self.camera.url.redact(&format!("{error}{hint}"));
        // One line when it begins to fail and then once in a while, not one for each attempt.
        if self.told.is_due(kind, now) {
            tracing::warn!(camera = %self.camera.id, url = %self.camera.url, %reason, "camera failed: trying again");
        }
        self.reports.change(&self.camera.id, |report| report.state = CameraState::Failed { reason });
    }
}

/// A camera whose pictures come, whatever it speaks.
enum Stream {
    Rtsp(Box<rtsp::Stream>),
    Http(Box<http::Stream>),
    V4l2(v4l2::Stream),
}

impl Stream {
    async fn next(&mut self) -> Result<Item, SourceError> {
        match self {
            Self::Rtsp(stream) => stream.next().await,
            Self::Http(stream) => stream.next().await.map(Item::Unit),
            Self::V4l2(stream) => stream.next().await.map(Item::Unit),
        }
    }

    /// The failure with what was seen before it.
    fn explain(&self, error: SourceError) -> SourceError {
        match self {
            Self::Rtsp(stream) => stream.explain(error),
            Self::Http(_) | Self::V4l2(_) => error,
        }
    }

    /// How long nothing may come.
    fn silence(&self) -> Duration {
        match self {
            Self::Rtsp(_) | Self::V4l2(_) => SILENCE,
            Self::Http(stream) => stream.silence(),
        }
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_counter!("omma_source_connects_total", "Times a camera was connected to.");
    describe_counter!("omma_source_failures_total", "Connections to a camera that failed or ended, by kind of fault.");
    describe_counter!(
        "omma_source_teardowns_unanswered_total",
        "Sessions that a camera had not ended half a second after TEARDOWN: of few, the next may have to wait for one."
    );
    describe_counter!(
        "omma_source_interpreted_total",
        "Connections to a camera in which a fault of its RTSP is put right, by fault; see operate/cameras.md."
    );
}
