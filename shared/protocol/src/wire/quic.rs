//! Edge ⇄ hub over QUIC: what is perishable; how an edge shall be and is ([`values`]); and, where the hub has no broker, what
//! must last ([`lasting`]).
//!
//! ```text
//! edge ── bidirectional stream ──▶ hub    control, the edge speaks first: Hello → Welcome | Refused, then both ways
//! edge ── a second one ──────────▶ hub    records, where there is no broker; the hub answers on it
//! hub  ── bidirectional stream ──▶ edge   values: what is desired; the edge says on it how it is
//! edge ── unidirectional stream ─▶ hub    one for each group of pictures (kind 1), or a large result (kind 2)
//! edge ── datagram ──────────────▶ hub    one frame's result
//! ```
//!
//! The newest group of a camera has the highest priority; an unfinished older one is reset when a newer begins.
//! Control messages are `u32` big-endian length, then postcard. A group is [`STREAM_GROUP`], `u16` big-endian length,
//! a postcard [`GroupHeader`], then units: `u8` flags (bit 0 = key), `i64` big-endian capture time in µs, `u32`
//! big-endian length, the bytes. Changes raise [`VERSION`] and the ALPN name.

pub mod lasting;

pub mod values;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::camera::CameraReport;
use crate::detection::{Analyst, Place};
use crate::geometry::Rect;
use crate::id::{CameraId, EdgeId};
use crate::time::CaptureTime;
use crate::track::{FrameResult, Track, TrackId};
use crate::unit::{AccessUnit, Codec};

/// Version spoken; in [`Hello`](EdgeToHub::Hello).
pub const VERSION: u16 = 1;
/// TLS application protocol (RFC 7301).
pub const ALPN: &[u8] = b"omma/1";
/// Server name in the hub's certificate.
pub const SERVER_NAME: &str = "omma-hub";
/// First byte of a unidirectional stream that carries a group of pictures.
pub const STREAM_GROUP: u8 = 1;
/// First byte of a unidirectional stream that carries one [`encode_result`] too large for a datagram.
pub const STREAM_RESULT: u8 = 2;
/// Longest control message, in bytes.
pub const MAX_CONTROL: usize = 256 * 1024;
/// Longest access unit, in bytes. A 4K key picture at full quality is about 2 MB.
pub const MAX_UNIT: usize = 8 * 1024 * 1024;
/// Longest result, in bytes.
pub const MAX_RESULT: usize = 64 * 1024;

/// Why bytes of a peer could not be read. The connection that sent them is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length is over its bound.
    #[error("{what} of {len} bytes is over the bound of {max}")]
    TooLong {
        /// What was being read.
        what: &'static str,
        /// The length given.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The bytes do not hold what they should.
    #[error("{0} can't be parsed")]
    Malformed(&'static str),
}

/// What an edge says on the control stream. Its `Debug` does not show the secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum EdgeToHub {
    /// First message. `secret` is the join token's.
    Hello {
        /// [`VERSION`].
        version: u16,
        /// Who.
        edge: EdgeId,
        /// The join token's secret; the stream is encrypted.
        secret: String,
        /// Program and version, for people.
        agent: String,
    },
    /// All cameras, whenever anything about one changes.
    Cameras(Vec<CameraReport>),
    /// Answer to a [`HubToEdge::Ping`].
    Pong {
        /// The ping's number.
        ping: u64,
        /// The edge's clock when it answered.
        at: CaptureTime,
    },
}

impl fmt::Debug for EdgeToHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EdgeToHub::Hello { version, edge, secret: _, agent } => f
                .debug_struct("Hello")
                .field("version", version)
                .field("edge", edge)
                .field("agent", agent)
                .finish_non_exhaustive(),
            EdgeToHub::Cameras(reports) => f.debug_tuple("Cameras").field(reports).finish(),
            EdgeToHub::Pong { ping, at } => f.debug_struct("Pong").field("ping", ping).field("at", at).finish(),
        }
    }
}

/// What the hub says on the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HubToEdge {
    /// The edge is let in.
    Welcome,
    /// The edge is not let in; the connection closes.
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// What the hub wants of a camera from now on. Replaces what it wanted before; everything starts unwanted.
    Want {
        /// Which camera.
        camera: CameraId,
        /// Access units, from the newest key picture on.
        units: bool,
        /// Per-frame results of the edge's own analysis.
        results: bool,
    },
    /// Measures the clocks' offset.
    Ping {
        /// Comes back in [`EdgeToHub::Pong`].
        ping: u64,
    },
}

/// A control message with its length in front.
pub fn encode_control<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let body = postcard::to_stdvec(message).map_err(|_| WireError::Malformed("control message"))?;
    check("control message", body.len(), MAX_CONTROL)?;
    let mut out = Vec::with_capacity(4 + body.len());
    out.put_u32(body.len() as u32);
    out.put_slice(&body);
    Ok(out)
}

/// Takes one control message from the front of `buffer`, or nothing where it is not all there yet.
pub fn decode_control<T: DeserializeOwned>(buffer: &mut BytesMut) -> Result<Option<T>, WireError> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*head) as usize;
    check("control message", len, MAX_CONTROL)?;
    if buffer.len() < 4 + len {
        return Ok(None);
    }
    buffer.advance(4);
    let body = buffer.split_to(len);
    postcard::from_bytes(&body).map(Some).map_err(|_| WireError::Malformed("control message"))
}

/// What opens a group of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHeader {
    /// Which camera.
    pub camera: CameraId,
    /// How its units are coded.
    pub codec: Codec,
    /// Counts the camera's groups of this connection from 0; a higher one replaces lower ones.
    pub group: u64,
}

/// First bytes of a group's stream.
pub fn encode_group_header(header: &GroupHeader) -> Result<Vec<u8>, WireError> {
    let body = postcard::to_stdvec(header).map_err(|_| WireError::Malformed("group header"))?;
    check("group header", body.len(), usize::from(u16::MAX))?;
    let mut out = Vec::with_capacity(3 + body.len());
    out.put_u8(STREAM_GROUP);
    out.put_u16(body.len() as u16);
    out.put_slice(&body);
    Ok(out)
}

const UNIT_HEAD: usize = 13;

/// What stands before a unit's bytes, which are then sent as they are, uncopied.
pub fn encode_unit_head(unit: &AccessUnit) -> Result<[u8; UNIT_HEAD], WireError> {
    check("access unit", unit.data.len(), MAX_UNIT)?;
    let mut out = [0; UNIT_HEAD];
    let mut w = &mut out[..];
    w.put_u8(u8::from(unit.key));
    w.put_i64(unit.time.0);
    w.put_u32(unit.data.len() as u32);
    Ok(out)
}

/// Reads one group's stream: bytes in, units out.
#[derive(Debug, Default)]
pub struct GroupReader {
    buffer: BytesMut,
    header: Option<GroupHeader>,
}

impl GroupReader {
    /// Takes what came from the network, beginning with the stream's first byte ([`STREAM_GROUP`]).
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The group's header, once it is there.
    pub fn header(&mut self) -> Result<Option<&GroupHeader>, WireError> {
        if self.header.is_none() {
            let Some(&[kind, a, b]) = self.buffer.first_chunk::<3>() else { return Ok(None) };
            if kind != STREAM_GROUP {
                return Err(WireError::Malformed("group header"));
            }
            let len = usize::from(u16::from_be_bytes([a, b]));
            if self.buffer.len() < 3 + len {
                return Ok(None);
            }
            self.buffer.advance(3);
            let body = self.buffer.split_to(len);
            self.header = Some(postcard::from_bytes(&body).map_err(|_| WireError::Malformed("group header"))?);
        }
        Ok(self.header.as_ref())
    }

    /// The next whole unit, or nothing where more bytes are needed.
    pub fn next_unit(&mut self) -> Result<Option<AccessUnit>, WireError> {
        let Some(codec) = self.header()?.map(|h| h.codec) else { return Ok(None) };
        let Some(head) = self.buffer.first_chunk::<UNIT_HEAD>() else { return Ok(None) };
        let mut head = &head[..];
        let key = head.get_u8() & 1 != 0;
        let time = CaptureTime(head.get_i64());
        let len = head.get_u32() as usize;
        check("access unit", len, MAX_UNIT)?;
        if self.buffer.len() < UNIT_HEAD + len {
            // One growth to the size needed instead of many small ones.
            self.buffer.reserve(UNIT_HEAD + len - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(UNIT_HEAD);
        Ok(Some(AccessUnit { time, key, codec, data: self.buffer.split_to(len).freeze() }))
    }
}

/// One camera's result, as it crosses.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraResult {
    /// Which camera.
    pub camera: CameraId,
    /// What was found.
    pub result: FrameResult,
}

#[derive(Serialize, Deserialize)]
struct ResultV1 {
    camera: CameraId,
    time: i64,
    took_us: u64,
    hub: bool,
    engine: String,
    model: String,
    tracks: Vec<TrackV1>,
}

#[derive(Serialize, Deserialize)]
struct TrackV1 {
    id: u64,
    label: String,
    /// Score and box, 0..=65535 for 0.0..=1.0: fifteen thousandths of a pixel at 1080p would not be seen.
    score: u16,
    rect: [u16; 4],
}

fn to_u16(v: f32) -> u16 {
    (v.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16
}

fn from_u16(v: u16) -> f32 {
    f32::from(v) / f32::from(u16::MAX)
}

/// A result as a datagram or as the body of a [`STREAM_RESULT`] stream. Boxes are cut to the picture and rounded to
/// 1/65535 of it.
pub fn encode_result(camera: &CameraId, result: &FrameResult) -> Result<Bytes, WireError> {
    let v1 = ResultV1 {
        camera: camera.clone(),
        time: result.time.0,
        took_us: result.took.as_micros() as u64,
        hub: result.analyst.place == Place::Hub,
        engine: result.analyst.engine.to_string(),
        model: result.analyst.model.to_string(),
        tracks: result
            .tracks
            .iter()
            .map(|t| {
                let r = t.rect.clamped();
                TrackV1 {
                    id: t.id.0,
                    label: t.label.to_string(),
                    score: to_u16(t.score),
                    rect: [to_u16(r.x), to_u16(r.y), to_u16(r.w), to_u16(r.h)],
                }
            })
            .collect(),
    };
    let bytes = postcard::to_stdvec(&v1).map_err(|_| WireError::Malformed("result"))?;
    check("result", bytes.len(), MAX_RESULT)?;
    Ok(bytes.into())
}

/// Reads what [`encode_result`] wrote.
pub fn decode_result(bytes: &[u8]) -> Result<CameraResult, WireError> {
    check("result", bytes.len(), MAX_RESULT)?;
    let v1: ResultV1 = postcard::from_bytes(bytes).map_err(|_| WireError::Malformed("result"))?;
    let place = if v1.hub { Place::Hub } else { Place::Edge };
    let analyst = Arc::new(Analyst { place, engine: v1.engine.into(), model: v1.model.into() });
    let tracks = v1
        .tracks
        .into_iter()
        .map(|t| {
            let [x, y, w, h] = t.rect.map(from_u16);
            Track { id: TrackId(t.id), label: t.label.into(), score: from_u16(t.score), rect: Rect { x, y, w, h } }
        })
        .collect();
    let took = Duration::from_micros(v1.took_us);
    Ok(CameraResult { camera: v1.camera, result: FrameResult { time: CaptureTime(v1.time), tracks, analyst, took } })
}

fn check(what: &'static str, len: usize, max: usize) -> Result<(), WireError> {
    if len > max { Err(WireError::TooLong { what, len, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
