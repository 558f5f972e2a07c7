//! Connects to a camera and listens, in each way that is to be tried until pictures come.
//!
//! The session is the source's ([`rtsp`]), with its time-outs ([`edge_core::session`]): what does not come here would
//! not come there. But nothing is tried again, except where the interpreter puts right what it failed by.

use std::future::Future;
use std::time::Duration;

use edge_core::Moment;
use edge_core::doctor::measure::Measure;
use edge_core::doctor::report::{Asked, Attempt, Description, FORMAT, Failure, FailureKind, Report, Way};
use edge_core::interpreter::Mend;
use edge_core::interpreter::trials::{Ended, Trials};
use edge_core::session::{CONNECT_TIMEOUT, SILENCE};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::address::Target;
use super::reading;
use crate::clock::EdgeClock;
use crate::source::error::SourceError;
use crate::source::farewells::Farewells;
use crate::source::rtsp::{self, Coded, Item};

/// How long a camera has for its answer to TEARDOWN.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a port has to open, asked whether it is there at all.
const PROBE: Duration = Duration::from_secs(2);
const RTSP_PORT: u16 = 554;

/// Listens for `span` from the first picture on, or until `token` is cancelled.
pub async fn examine(target: &Target, asked: Asked, span: Duration, token: CancellationToken) -> Report {
    let ear = Ear { target, span, clock: EdgeClock::start(), farewells: Farewells::default(), token };
    let mut attempts = vec![];
    let mut heard = Heard::default();
    for &way in asked.ways() {
        let described = heard.description.take();
        heard = Heard { description: described, trials: heard.trials, ..Heard::default() };
        let attempt = ear.listen(way, &mut heard).await;
        ear.farewells.said(FAREWELL).await;
        let failed = attempt.failure.as_ref().map(|failure| failure.kind);
        attempts.push(attempt);
        let other = failed.is_some_and(FailureKind::may_be_the_transport) && !heard.measure.has_pictures();
        if !other || ear.token.is_cancelled() {
            break;
        }
    }
    // Of two ways that fail the first is the one that was asked for.
    let telling = if heard.measure.has_pictures() { attempts.last() } else { attempts.first() };
    Report {
        format: FORMAT,
        camera: target.url.to_string(),
        credentials_given: target.url.credentials().is_some(),
        credentials_literal: target.literal,
        transport_asked: asked,
        failure: telling.and_then(|attempt| attempt.failure.clone()),
        attempts,
        description: heard.description,
        video: heard.measure.video().cloned(),
        measured: heard.measure.measured(),
        interpreted: heard.trials.mends().iter().collect(),
    }
}

#[derive(Default)]
struct Heard {
    description: Option<Description>,
    measure: Measure,
    trials: Trials,
}

struct Ear<'a> {
    target: &'a Target,
    span: Duration,
    clock: EdgeClock,
    farewells: Farewells,
    token: CancellationToken,
}

/// Why listening ended before its time.
enum End {
    Failed {
        failure: Failure,
        /// What may put it right.
        mend: Option<Mend>,
        /// Nothing was tried.
        absent: bool,
    },
    /// The operator wished so.
    Interrupted,
}

impl End {
    fn of(failure: Failure) -> Self {
        Self::Failed { failure, mend: None, absent: false }
    }
}

impl Ear<'_> {
    async fn listen(&self, way: Way, heard: &mut Heard) -> Attempt {
        let mut attempt =
            Attempt { transport: way, described_after_ms: None, first_picture_after_ms: None, failure: None };
        attempt.failure = match self.session(way, &mut attempt, heard).await {
            Ok(()) => None,
            Err(End::Failed { failure, mend: fault, absent }) => {
                let age = heard.measure.has_pictures().then_some(Duration::ZERO);
                let ended = Ended { way, fault, age, closed: false, absent };
                if heard.trials.ended(self.clock.now(), ended).is_some() {
                    heard.measure = Measure::default();
                    self.farewells.said(FAREWELL).await;
                    return Box::pin(self.listen(way, heard)).await;
                }
                Some(failure)
            }
            Err(End::Interrupted) if heard.measure.has_pictures() => None,
            Err(End::Interrupted) => {
                let reason = "it was ended by a signal before a picture came".to_owned();
                Some(Failure { kind: FailureKind::Failed, reason })
            }
        };
        attempt
    }

    async fn session(&self, way: Way, attempt: &mut Attempt, heard: &mut Heard) -> Result<(), End> {
        let began = self.clock.now();
        let connected_by = began + CONNECT_TIMEOUT;
        let Some(described) = self
            .until(connected_by, rtsp::describe(&self.target.url, &self.farewells, way, heard.trials.mends()))
            .await?
        else {
            return Err(End::of(self.no_answer().await));
        };
        let described = described.map_err(|e| self.failed(&e))?;
        attempt.described_after_ms = Some(millis(self.clock.now().saturating_sub(began)));
        heard.description = Some(described.description());
        let Some(stream) = self.until(connected_by, described.play()).await? else {
            let reason = format!("the camera does not answer SETUP or PLAY within {} s", CONNECT_TIMEOUT.as_secs());
            return Err(End::of(Failure { kind: FailureKind::Silent, reason }));
        };
        let mut stream = stream.map_err(|e| self.failed(&e))?;
        let (mut silent_at, mut done_at): (Moment, Option<Moment>) = (connected_by, None);
        while done_at.is_none_or(|done_at| self.clock.now() < done_at) {
            let wake = done_at.unwrap_or(silent_at).min(silent_at);
            match self.until(wake, stream.next()).await? {
                Some(Ok(Item::Unit(coded))) => {
                    let now = self.clock.now();
                    attempt.first_picture_after_ms.get_or_insert(millis(now.saturating_sub(began)));
                    self.measure(&coded, stream.announced_hz(), &mut heard.measure);
                    silent_at = now + SILENCE;
                    done_at.get_or_insert(now + self.span);
                }
                Some(Ok(Item::Report(report))) => {
                    heard.measure.sender_report(report.camera, self.clock.date(report.received));
                }
                Some(Err(e)) => return Err(self.failed(&e)),
                None if self.clock.now() >= silent_at => {
                    let limit = if done_at.is_none() { CONNECT_TIMEOUT } else { SILENCE };
                    let silent = SourceError::Silent { seconds: limit.as_secs() };
                    return Err(self.failed(&stream.explain(silent)));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn measure(&self, coded: &Coded, rate_hz: Option<f64>, measure: &mut Measure) {
        measure.picture(reading::picture(coded, self.clock.moment(coded.first_packet), rate_hz));
    }

    /// `None` when the moment has come before the work was done.
    async fn until<F: Future>(&self, moment: Moment, work: F) -> Result<Option<F::Output>, End> {
        tokio::select! {
            done = timeout_at(self.clock.instant(moment), work) => Ok(done.ok()),
            () = self.token.cancelled() => Err(End::Interrupted),
        }
    }

    fn failed(&self, error: &SourceError) -> End {
        let kind = match error {
            SourceError::Refused(_) | SourceError::Withheld(_) | SourceError::Challenge(_) => FailureKind::Refused,
            SourceError::NotFound(_) => FailureKind::NotFound,
            SourceError::Unreachable(_) => FailureKind::Unreachable,
            SourceError::Unusable(_) => FailureKind::Unusable,
            SourceError::Silent { .. } | SourceError::NoKeyPicture { .. } => FailureKind::Silent,
            SourceError::Closed => FailureKind::Closed,
            SourceError::Busy(_) => FailureKind::Busy,
            SourceError::TransportRefused(_)
            | SourceError::Unreadable(_)
            | SourceError::Broken(_)
            | SourceError::Interpreter(_)
            | SourceError::Device(_)
            | SourceError::Failed(_) => FailureKind::Failed,
        };
        let failure = Failure { kind, reason: self.target.url.redact(&error.to_string()) };
        End::Failed { failure, mend: error.mend(), absent: error.is_absence() }
    }

    /// Nothing came back in time: from a host that is not there, or from a port that speaks another language?
    async fn no_answer(&self) -> Failure {
        let url = self.target.url.bare();
        let address = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(RTSP_PORT));
        let seconds = CONNECT_TIMEOUT.as_secs();
        match timeout(PROBE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => Failure {
                kind: FailureKind::Unanswered,
                reason: format!("the port is open, but nothing answers DESCRIBE within {seconds} s"),
            },
            Ok(Err(_)) | Err(_) => Failure {
                kind: FailureKind::Unreachable,
                reason: format!("the camera can't be reached: no connection within {seconds} s"),
            },
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
