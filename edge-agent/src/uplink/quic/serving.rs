//! A connection that the hub has welcomed: what it wants is sent, until it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_protocol::camera::CameraReport;
use omma_protocol::id::CameraId;
use omma_protocol::wire::quic::{CameraResult, EdgeToHub, HubToEdge, STREAM_RESULT, WireError, encode_result};
use quinn::{Connection, SendDatagramError, SendStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::connect::Connected;
use super::control::Control;
use super::groups::{self, Counter};
use super::places::{PRIORITY_RESULT, Places};
use super::{NO_FAULT, QuicError, QuicUplink};
use crate::unit::Feed;

/// How long a result that is too large for a datagram is worth sending.
const RESULT: Duration = Duration::from_secs(1);

/// One connection that the hub has welcomed.
pub(super) struct Serving<'a> {
    uplink: &'a QuicUplink,
    connection: Connection,
    places: Places,
    /// By camera: the task that sends its units.
    units: BTreeMap<CameraId, Sending>,
    /// By camera: how many groups of it this connection has carried.
    groups: BTreeMap<CameraId, Counter>,
    /// Cameras whose results are wanted.
    results: BTreeSet<CameraId>,
}

/// Owes the task its end.
struct Sending {
    /// What it reads. A camera that was taken out and put back has another.
    feed: Feed,
    task: AbortHandle,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<'a> Serving<'a> {
    pub(super) fn new(uplink: &'a QuicUplink, connected: &Connected, places: Places) -> Self {
        let connection = connected.connection.clone();
        Self { uplink, connection, places, units: BTreeMap::new(), groups: BTreeMap::new(), results: BTreeSet::new() }
    }

    pub(super) async fn run(mut self, control: &mut Control, token: &CancellationToken) -> Result<(), QuicError> {
        let mut reports = self.uplink.reports.watch();
        let mut results = self.uplink.results.subscribe();
        reports.mark_changed();
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return Ok(()),
                message = control.hear() => self.heard(message?, control).await?,
                changed = reports.changed() => match changed {
                    Ok(()) => {
                        let cameras = reports.borrow_and_update().clone();
                        self.reported(&cameras);
                        control.say(&EdgeToHub::Cameras(cameras)).await?;
                    }
                    // The pipelines have ended, and so will this.
                    Err(_) => return Ok(()),
                },
                result = results.recv() => match result {
                    Ok(result) => self.send_result(&result)?,
                    Err(RecvError::Lagged(lost)) => self.uplink.step.dropped_many("results behind", lost),
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }

    async fn heard(&mut self, message: HubToEdge, control: &mut Control) -> Result<(), QuicError> {
        match message {
            HubToEdge::Ping { ping } => control.say(&EdgeToHub::Pong { ping, at: self.uplink.clock.date_now() }).await,
            HubToEdge::Want { camera, units, results } => {
                self.wants(camera, units, results);
                Ok(())
            }
            HubToEdge::Refused { reason } => Err(QuicError::Refused(reason)),
            HubToEdge::Welcome => Err(WireError::Malformed("second welcome").into()),
        }
    }

    fn wants(&mut self, camera: CameraId, units: bool, results: bool) {
        let Some(feed) = self.uplink.feeds.get(&camera) else {
            // The hub may remember a camera that has been taken out of the configuration.
            tracing::debug!(%camera, "the hub wants a camera that is not here");
            return;
        };
        tracing::debug!(%camera, units, results, "wanted");
        if results {
            self.results.insert(camera.clone());
        } else {
            self.results.remove(&camera);
        }
        if units {
            self.send_units(camera, feed);
        } else {
            self.units.remove(&camera);
        }
    }

    /// The hub wants nothing of a camera from when it is told that it is no more. One that was put back before it could be told
    /// is still wanted, and its units come from elsewhere.
    fn reported(&mut self, cameras: &[CameraReport]) {
        let is_told = |camera: &CameraId| cameras.iter().any(|report| report.camera == *camera);
        self.units.retain(|camera, _| is_told(camera));
        self.results.retain(is_told);
        for camera in self.units.keys().cloned().collect::<Vec<_>>() {
            // Without a feed it is being taken out, of which the next report tells.
            if let Some(feed) = self.uplink.feeds.get(&camera) {
                self.send_units(camera, feed);
            }
        }
    }

    /// Goes on with what is being sent where it is of that feed.
    fn send_units(&mut self, camera: CameraId, feed: Feed) {
        if self.units.get(&camera).is_some_and(|sending| sending.feed.is(&feed)) {
            return;
        }
        let reader = feed.read("uplink behind", self.uplink.clock.now());
        let counter = Arc::clone(self.groups.entry(camera.clone()).or_default());
        let (connection, places, step) = (self.connection.clone(), self.places.clone(), self.uplink.step.clone());
        let sending = groups::send(connection, places, camera.clone(), reader, counter, step);
        let task = tokio::spawn(sending.instrument(self.uplink.step.span())).abort_handle();
        self.units.insert(camera, Sending { feed, task });
    }

    fn send_result(&self, result: &CameraResult) -> Result<(), QuicError> {
        if !self.results.contains(&result.camera) {
            return Ok(());
        }
        let began = Instant::now();
        let bytes = match encode_result(&result.camera, &result.result) {
            Ok(bytes) => bytes,
            Err(e) => {
                tracing::debug!(camera = %result.camera, error = %e, "result");
                self.uplink.step.dropped("result too large");
                return Ok(());
            }
        };
        match self.connection.send_datagram(bytes.clone()) {
            Ok(()) => {
                self.uplink.step.observe(began.elapsed());
                self.uplink.step.done();
            }
            Err(SendDatagramError::ConnectionLost(e)) => return Err(e.into()),
            Err(_) => self.send_large_result(bytes, began),
        }
        Ok(())
    }

    /// A result that no datagram holds: a stream of its own, given up when it is no longer worth it.
    fn send_large_result(&self, bytes: Bytes, began: Instant) {
        let (connection, step) = (self.connection.clone(), self.uplink.step.clone());
        tokio::spawn(async move {
            let until = tokio::time::Instant::now() + RESULT;
            let opened = tokio::time::timeout_at(until, connection.open_uni()).await;
            let Ok(Ok(mut stream)) = opened else { return step.dropped("result late") };
            match tokio::time::timeout_at(until, write_result(&mut stream, bytes)).await {
                Ok(Ok(())) => {
                    step.observe(began.elapsed());
                    step.done();
                }
                _ => {
                    // A stream that is just dropped is finished, and the hub would take what is across for the whole result.
                    // Fails where the hub or the connection has ended it.
                    stream.reset(NO_FAULT).ok();
                    step.dropped("result late");
                }
            }
        });
    }
}

async fn write_result(stream: &mut SendStream, bytes: Bytes) -> Result<(), QuicError> {
    let lost = |e: &dyn std::fmt::Display| QuicError::Lost(e.to_string());
    stream.set_priority(PRIORITY_RESULT).map_err(|e| lost(&e))?;
    stream.write_all_chunks(&mut [Bytes::from_static(&[STREAM_RESULT]), bytes]).await.map_err(|e| lost(&e))?;
    stream.finish().map_err(|e| lost(&e))
}
