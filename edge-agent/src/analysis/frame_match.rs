//! What was found in a camera's sub-stream → results that carry the capture times of its main stream's frames.
//!
//! One task for each camera with a sub-stream, between its analysis and who is told of results. Which frame a result belongs
//! to is decided by [`edge_core::frame_match`].

use std::future::pending;
use std::sync::Arc;

use edge_core::frame_match::FrameMatch;
use metrics::{counter, describe_counter};
use omma_protocol::id::CameraId;
use omma_protocol::wire::quic::CameraResult;
use omma_runtime::step::Step;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Results;
use crate::clock::EdgeClock;
use crate::step;
use crate::unit::Reader;

/// Runs until the camera's analysis has ended. What waits then is of no use to anyone.
pub async fn run(
    camera: CameraId,
    mut main: Reader,
    mut found: Receiver<Arc<CameraResult>>,
    results: Results,
    clock: EdgeClock,
) {
    let (mut matching, step) = (FrameMatch::default(), Step::new(step::TRACK));
    let unmatched = counter!("omma_track_without_frame_total", "camera" => camera.to_string());
    loop {
        let wake = matching.wake().map(|moment| clock.instant(moment));
        tokio::select! {
            biased;
            arrived = main.next() => matching.frame(arrived.unit.time),
            result = found.recv() => match result {
                Ok(result) => matching.found(clock.now(), result.result.time, result),
                Err(RecvError::Lagged(missed)) => step.dropped_many("results behind", missed),
                Err(RecvError::Closed) => return,
            },
            () = until(wake) => {}
        }
        while let Some((frame, result)) = matching.next(clock.now()) {
            let result = match frame {
                Some(time) => {
                    let mut result = Arc::unwrap_or_clone(result);
                    result.result.time = time;
                    Arc::new(result)
                }
                None => {
                    unmatched.increment(1);
                    result
                }
            };
            // Without a connection to the hub nobody listens, and that is no fault.
            drop(results.send(result));
        }
    }
}

async fn until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => pending().await,
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_counter!(
        "omma_track_without_frame_total",
        "Results of a sub-stream that no frame of the main stream was near enough to."
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use omma_protocol::detection::{Analyst, Place};
    use omma_protocol::time::CaptureTime;
    use omma_protocol::track::FrameResult;
    use omma_protocol::unit::{AccessUnit, Codec};
    use tokio::sync::broadcast;

    use super::*;
    use crate::unit::Feed;

    #[tokio::test]
    async fn results_carry_the_times_of_main_frames() {
        let (feed, clock, camera): (_, _, CameraId) = (Feed::new(), EdgeClock::start(), "door".parse().unwrap());
        let (analysis, found) = broadcast::channel(8);
        let (results, mut told) = broadcast::channel(8);
        let main = feed.read("frame match behind", clock.now());
        let running = tokio::spawn(run(camera.clone(), main, found, results, clock.clone()));
        for n in 0..10 {
            let time = CaptureTime(n * 40_000);
            let unit = AccessUnit { time, key: n == 0, codec: Codec::H265, data: Bytes::from_static(&[1]) };
            feed.deliver(unit, clock.now());
        }
        let analyst = Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "test".into() });
        for (found, frame) in [(83_000, 80_000), (198_000, 200_000), (900_000, 900_000)] {
            let result = FrameResult {
                time: CaptureTime(found),
                tracks: vec![],
                analyst: analyst.clone(),
                took: Duration::from_millis(30),
            };
            analysis.send(Arc::new(CameraResult { camera: camera.clone(), result })).unwrap();
            assert_eq!(told.recv().await.unwrap().result.time, CaptureTime(frame));
        }
        drop(analysis);
        running.await.unwrap();
    }
}
