//! One request for each picture, on a connection that is kept where the camera keeps it.
//!
//! A camera that names its pictures (`ETag`, `Last-Modified`) is asked only for one that it has not given yet (RFC 9110
//! §13.1) and saves its own work and the network's.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::multipart::{MAX_PICTURE, MultipartError};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use super::Form;
use super::client::{Client, Known};
use crate::source::encoded::{Picture, Read, Shot};
use crate::source::error::SourceError;

/// From a request to the whole picture. With the usual interval a camera that falls silent is found within 5 s.
const ANSWER: Duration = Duration::from_secs(4);

/// Hands over a picture each `interval`, beginning with this answer, and at last why there are no more.
pub(super) async fn read(client: Client, first: Response<Incoming>, interval: Duration, shots: Sender<Read>) {
    let Err(end) = read_on(client, first, interval, &shots).await;
    // Nobody waits any more where the session was given up.
    shots.send(Err(end)).await.unwrap_or_default();
}

async fn read_on(
    mut client: Client,
    first: Response<Incoming>,
    interval: Duration,
    shots: &Sender<Read>,
) -> Result<Infallible, SourceError> {
    let mut due = interval_at(tokio::time::Instant::now() + interval, interval);
    // A camera that is slow is not asked faster afterwards.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = Known::default();
    let mut shot = take(first, &mut known).await?;
    loop {
        shots.send(Ok(shot)).await.map_err(|_| SourceError::Closed)?;
        due.tick().await;
        let asked = async {
            let answer = client.get(&known).await?;
            take(answer, &mut known).await
        };
        shot = timeout(ANSWER, asked).await.map_err(|_| SourceError::Silent { seconds: ANSWER.as_secs() })??;
    }
}

/// The picture of an answer; and how it is named, for the next request.
async fn take(answer: Response<Incoming>, known: &mut Known) -> Result<Shot, SourceError> {
    let arrived = Instant::now();
    if answer.status() == StatusCode::NOT_MODIFIED {
        return Ok(Shot { picture: Picture::Unchanged, taken: arrived });
    }
    if Form::of(answer.headers())? != Form::Snapshot {
        return Err(SourceError::Unusable("the camera gave a snapshot before, and now something else".to_owned()));
    }
    let named = Known::of(answer.headers());
    let picture = Picture::Jpeg(whole(answer.into_body()).await?);
    *known = named;
    Ok(Shot { picture, taken: arrived })
}

async fn whole(body: Incoming) -> Result<Bytes, SourceError> {
    match Limited::new(body, MAX_PICTURE).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(SourceError::Unusable(MultipartError::TooLarge.to_string())),
        Err(e) => Err(SourceError::Failed(format!("the picture breaks off: {e}"))),
    }
}
