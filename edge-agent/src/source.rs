//! A camera: connected to, listened to, and connected to again, for as long as the program runs.
//!
//! When is decided by [`edge_core::session`], capture times by [`edge_core::capture_clock`]; this task does it:
//!
//! 1. wait until the session says connect;
//! 2. open the stream ([`rtsp`], [`http`]) and take units, each under the session's time-out;
//! 3. stamp each and hand it to the camera's [`Feed`];
//! 4. when it ends, say why in the camera's report, and begin again.

pub mod rtsp;

pub mod http;

pub mod encoded;

pub mod error;

pub mod url;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use edge_core::Moment;
use edge_core::capture_clock::CaptureClock;
use edge_core::session::{Act, Failure, SILENCE, Session};
use metrics::{Counter, counter};
use omma_media::bitstream::{self, Watch};
use omma_protocol::camera::CameraState;
use omma_protocol::unit::AccessUnit;
use omma_runtime::step::Step;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::state::Reports;
use crate::unit::Feed;
use error::SourceError;
use rtsp::Coded;

/// How often the same kind of failure is told while a camera does not come back.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Everything that one camera's task works with.
#[derive(Debug)]
pub struct Source {
    camera: Arc<Camera>,
    feed: Feed,
    reports: Reports,
    clock: EdgeClock,
    session: Session,
    stamps: CaptureClock,
    watch: Watch,
    step: Step,
    reconnects: Counter,
    /// When each kind of failure was last told, since the camera was last live.
    told: BTreeMap<&'static str, Moment>,
}

impl Source {
    /// `seed` spreads the retries of cameras that were lost together.
    pub fn new(camera: Arc<Camera>, feed: Feed, reports: Reports, clock: EdgeClock, seed: u64) -> Self {
        let session = Session::new(clock.now(), seed);
        let reconnects = counter!("omma_source_connects_total", "camera" => camera.id.to_string());
        let step = Step::new("source");
        let (stamps, watch) = (CaptureClock::default(), Watch::default());
        Self { camera, feed, reports, clock, session, stamps, watch, step, reconnects, told: BTreeMap::new() }
    }

    /// Runs until `token` is cancelled.
    pub async fn run(mut self, token: CancellationToken) {
        let span = self.step.span();
        async { while token.run_until_cancelled(self.one_session()).await.is_some() {} }.instrument(span).await;
    }

    async fn one_session(&mut self) {
        tokio::time::sleep_until(self.clock.instant(self.session.wake())).await;
        if self.session.poll(self.clock.now()) != Act::Connect {
            return;
        }
        self.reconnects.increment(1);
        let camera = Arc::clone(&self.camera);
        let failure = match self.in_time(Stream::open(&camera)).await {
            Ok(Ok(mut stream)) => {
                self.session.allow_silence(stream.silence());
                self.listen(&mut stream).await
            }
            Ok(Err(e)) | Err(e) => e,
        };
        self.feed.interrupted();
        self.ended(failure);
    }

    async fn listen(&mut self, stream: &mut Stream) -> SourceError {
        self.stamps.restart();
        loop {
            match self.in_time(stream.next()).await {
                Ok(Ok(coded)) => self.take(coded),
                Ok(Err(e)) | Err(e) => return e,
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

    fn take(&mut self, coded: Coded) {
        let now = self.clock.now();
        if coded.lost_packets > 0 {
            self.step.dropped_many("packet lost", u64::from(coded.lost_packets));
        }
        let stamped = self.stamps.stamp(coded.rtp, self.clock.date(coded.first_packet));
        if let Some(jump) = stamped.jump {
            self.step.dropped("timestamp jumped");
            let (rtp_ms, late_ms) = (jump.rtp_us / 1000, jump.late_us / 1000);
            tracing::info!(camera = %self.camera.id, rtp_ms, late_ms, "the camera's timestamps jumped: dated anew");
        }
        let key = bitstream::is_key(coded.codec, &coded.data);
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
        if self.session.unit(now) {
            self.told.clear();
            tracing::info!(camera = %self.camera.id, url = %self.camera.url, "live");
            self.reports.change(&self.camera.id, |report| report.state = CameraState::Live);
        }
    }

    fn ended(&mut self, error: SourceError) {
        let (now, kind) = (self.clock.now(), error.kind());
        let failure = if error.is_refusal() { Failure::Refused } else { Failure::Failed };
        self.session.failed(now, failure);
        counter!("omma_source_failures_total", "camera" => self.camera.id.to_string(), "kind" => kind).increment(1);
        let reason = self.camera.url.redact(&error.to_string());
        // One line when it begins to fail and then once in a while, not one for each attempt.
        if self.told.get(kind).is_none_or(|told| now.saturating_sub(*told) >= TELL_AGAIN) {
            tracing::warn!(camera = %self.camera.id, url = %self.camera.url, %reason, "camera failed: trying again");
            self.told.insert(kind, now);
        }
        self.reports.change(&self.camera.id, |report| report.state = CameraState::Failed { reason });
    }
}

/// A camera whose pictures come, whatever it speaks.
enum Stream {
    Rtsp(Box<rtsp::Stream>),
    Http(Box<http::Stream>),
}

impl Stream {
    async fn open(camera: &Camera) -> Result<Self, SourceError> {
        if camera.url.is_http() {
            return Ok(Self::Http(Box::new(http::open(camera).await?)));
        }
        Ok(Self::Rtsp(Box::new(rtsp::open(camera).await?)))
    }

    async fn next(&mut self) -> Result<Coded, SourceError> {
        match self {
            Self::Rtsp(stream) => stream.next().await,
            Self::Http(stream) => stream.next().await,
        }
    }

    /// How long nothing may come.
    fn silence(&self) -> Duration {
        match self {
            Self::Rtsp(_) => SILENCE,
            Self::Http(stream) => stream.silence(),
        }
    }
}
