//! An RTSP camera (RFC 2326 and what cameras make of it), by retina.
//!
//! ```text
//! DESCRIBE → choose the video stream → SETUP → PLAY → access units
//! ```
//!
//! Gives H.264 access units in Annex B with their parameter sets before each key picture. What retina tolerates of
//! real cameras it is told to tolerate.

use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use omma_protocol::unit::Codec;
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionOptions, SetupOptions,
    UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat};

use crate::AGENT;
use crate::config::Transport;
use crate::config::checked::Camera;
use crate::source::error::SourceError;

/// One access unit as it came.
#[derive(Debug)]
pub struct Coded {
    /// RTP timestamp, 90 kHz.
    pub rtp: u32,
    /// When its first packet was read.
    pub first_packet: Instant,
    /// RTP packets missing before or within it.
    pub lost_packets: u16,
    /// How it is coded.
    pub codec: Codec,
    /// Byte stream, Annex B.
    pub data: Bytes,
}

/// A playing stream.
pub struct Stream {
    demuxed: Demuxed,
    codec: Codec,
}

/// Connects and starts playing.
///
/// # Errors
/// See [`SourceError`].
pub async fn open(camera: &Camera) -> Result<Stream, SourceError> {
    let credentials = camera
        .url
        .credentials()
        .map(|c| Credentials { username: c.user.clone(), password: c.password.expose().clone() });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(AGENT.to_owned())
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore);
    let fail = |e: retina::Error| SourceError::of(&e);
    let mut session = Session::describe(camera.url.bare().clone(), options).await.map_err(fail)?;
    let (index, codec) = choose(session.streams())?;
    let transport = match camera.transport {
        Transport::Tcp => retina::client::Transport::Tcp(Default::default()),
        Transport::Udp => retina::client::Transport::Udp(Default::default()),
    };
    let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
    session.setup(index, setup).await.map_err(fail)?;
    let play = PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Ignore)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
    let demuxed = session.play(play).await.map_err(fail)?.demuxed().map_err(fail)?;
    Ok(Stream { demuxed, codec })
}

fn choose(streams: &[retina::client::Stream]) -> Result<(usize, Codec), SourceError> {
    let video = || streams.iter().enumerate().filter(|(_, stream)| stream.media() == "video");
    if let Some((index, _)) = video().find(|(_, stream)| stream.encoding_name() == "h264") {
        return Ok((index, Codec::H264));
    }
    let names: Vec<_> = video().map(|(_, stream)| stream.encoding_name()).collect();
    Err(SourceError::Unusable(match names.as_slice() {
        [] => "the camera describes no video stream".to_owned(),
        names => format!("the camera sends {}: set this stream to H.264 in the camera", names.join(", ")),
    }))
}

impl Stream {
    /// The next access unit.
    ///
    /// # Errors
    /// When the stream is over.
    pub async fn next(&mut self) -> Result<Coded, SourceError> {
        loop {
            match self.demuxed.next().await {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    return Ok(Coded {
                        rtp: frame.timestamp().timestamp() as u32,
                        first_packet: frame.start_ctx().received(),
                        lost_packets: frame.loss(),
                        codec: self.codec,
                        data: frame.into_data().into(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(SourceError::of(&e)),
                None => return Err(SourceError::Closed),
            }
        }
    }
}
