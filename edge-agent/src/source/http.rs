//! A camera that gives JPEGs over HTTP or HTTPS: as one endless answer (MJPEG), or one for each request (snapshots).
//!
//! ```text
//!                      ┌─ multipart/x-mixed-replace: the parts of this answer ([`mjpeg`]) ─────┐
//! GET → Content-Type ──┤                                                                       ├─▶ Encoded ─▶ units
//!                      └─ image/jpeg: this one, then one GET after the other ([`snapshots`]) ──┘
//! ```
//!
//! A task of its own reads; it ends when its [`Stream`] is dropped.

mod client;

pub mod login;

pub(crate) mod connection;

mod tls;

mod mjpeg;

mod snapshots;

use std::time::Duration;

use edge_core::session::SILENCE;
use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::encoded::Encoded;
use super::error::SourceError;
use super::rtsp::Coded;
use crate::config::checked::Camera;
use client::{Client, Known};

/// A camera whose pictures come.
#[derive(Debug)]
pub struct Stream {
    encoded: Encoded,
    silence: Duration,
    _reader: AbortOnDropHandle<()>,
}

/// Connects, logs in and asks for pictures.
///
/// # Errors
/// See [`SourceError`].
pub async fn open(camera: &Camera) -> Result<Stream, SourceError> {
    let mut client = Client::new(camera)?;
    let answer = client.get(&Known::default()).await?;
    let (sender, shots) = mpsc::channel(1);
    let interval = camera.http.snapshot_interval;
    let (reader, silence) = match Form::of(answer.headers())? {
        Form::Mjpeg => (tokio::spawn(mjpeg::read(client, answer.into_body(), sender)), SILENCE),
        Form::Snapshot => (tokio::spawn(snapshots::read(client, answer, interval, sender)), SILENCE + interval),
    };
    Ok(Stream { encoded: Encoded::new(shots), silence, _reader: AbortOnDropHandle::new(reader) })
}

impl Stream {
    /// The next access unit.
    ///
    /// # Errors
    /// When the stream is over.
    pub async fn next(&mut self) -> Result<Coded, SourceError> {
        self.encoded.next().await
    }

    /// How long nothing may come.
    pub fn silence(&self) -> Duration {
        self.silence
    }
}

/// How a camera gives its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One endless answer.
    Mjpeg,
    /// One answer for each request.
    Snapshot,
}

impl Form {
    /// By the media type of an answer (RFC 9110 §8.3). Where a camera says none, an answer without a length is endless.
    ///
    /// # Errors
    /// When the answer is no picture.
    pub fn of(headers: &HeaderMap) -> Result<Self, SourceError> {
        let value = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
        let media_type = value.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        match media_type {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Ok(Self::Snapshot),
            "video/x-motion-jpeg" | "video/mjpeg" | "video/x-mjpeg" | "image/mjpeg" => Ok(Self::Mjpeg),
            multipart if multipart.starts_with("multipart/") => Ok(Self::Mjpeg),
            "" | "application/octet-stream" if headers.contains_key(CONTENT_LENGTH) => Ok(Self::Snapshot),
            "" | "application/octet-stream" => Ok(Self::Mjpeg),
            "text/html" | "application/xhtml+xml" => Err(SourceError::Unusable(
                "the camera answers with a web page, not with pictures: its manual names the address of its MJPEG \
                 stream or snapshot for `url`"
                    .to_owned(),
            )),
            other => Err(SourceError::Unusable(format!(
                "the camera answers with `{other:.60}`: expected MJPEG (multipart/x-mixed-replace) or a JPEG \
                 (image/jpeg); its manual names their addresses"
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
