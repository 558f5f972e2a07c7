//! The endless answer: its pictures are found by [`edge_core::multipart`].

use std::convert::Infallible;
use std::time::Instant;

use edge_core::multipart::Multipart;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use omma_runtime::step::Step;
use tokio::sync::mpsc::Sender;

use super::client::{self, Client};
use crate::source::encoded::{Picture, Read, Shot};
use crate::source::error::SourceError;
use crate::step;

/// Hands over picture after picture, and at last why there are no more. The client keeps the connection.
pub(super) async fn read(client: Client, body: Incoming, shots: Sender<Read>) {
    let Err(end) = read_on(body, &shots).await;
    drop(client);
    // Nobody waits any more where the session was given up.
    shots.send(Err(end)).await.unwrap_or_default();
}

async fn read_on(mut body: Incoming, shots: &Sender<Read>) -> Result<Infallible, SourceError> {
    let opened = Instant::now();
    let (mut parts, step) = (Multipart::default(), Step::new(step::SOURCE));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| client::failed(&e))?;
        let Some(data) = frame.data_ref() else { continue };
        parts.push(data, opened.elapsed());
        let cut_off = parts.cut_off();
        while let Some(picture) = parts.next_picture().map_err(|e| SourceError::Unusable(e.to_string()))? {
            let shot = Shot { picture: Picture::Jpeg(picture.data), taken: opened + picture.began };
            shots.send(Ok(shot)).await.map_err(|_| SourceError::Closed)?;
        }
        if parts.cut_off() > cut_off {
            step.dropped_many("picture cut off", parts.cut_off() - cut_off);
        }
    }
    Err(SourceError::Closed)
}
