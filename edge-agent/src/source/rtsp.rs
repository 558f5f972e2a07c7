//! An RTSP camera (RFC 2326 and what cameras make of it), by retina.
//!
//! ```text
//! DESCRIBE → choose the video stream → SETUP → PLAY → access units
//! ```
//!
//! Gives H.264 access units in Annex B with their parameter sets before each key picture. What retina tolerates of
//! real cameras it is told to tolerate. Two use it: the source, which only wants pictures ([`open`]), and the doctor,
//! which wants to know everything on the way ([`describe`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::doctor::report::{Description, Offer};
use futures::StreamExt;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;
use retina::UNIX_EPOCH;
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions,
    Tool, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};
use retina::rtcp::ReceivedCompoundPacket;

use crate::AGENT;
use crate::config::Transport;
use crate::config::checked::Camera;
use crate::source::error::SourceError;
use crate::source::url::CameraUrl;

/// One access unit as it came.
#[derive(Debug)]
pub struct Coded {
    /// RTP timestamp, 90 kHz; of a camera that does not speak RTP, its arrival in such ticks.
    pub rtp: u32,
    /// When its first packet was read.
    pub first_packet: Instant,
    /// RTP packets missing before or within it.
    pub lost_packets: u16,
    /// Whether it brought parameter sets that were not known.
    pub new_parameter_sets: bool,
    /// How it is coded.
    pub codec: Codec,
    /// Byte stream, Annex B.
    pub data: Bytes,
}

/// What comes in a stream.
#[derive(Debug)]
pub enum Item {
    /// A picture.
    Unit(Coded),
    /// The camera's word on the time.
    Report(SenderReport),
}

/// An RTCP sender report (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// The date by the camera's clock.
    pub camera: CaptureTime,
    /// When it came.
    pub received: Instant,
}

/// TEARDOWN requests on their way. A camera of few sessions lets the next one in when the last one has ended.
#[derive(Clone, Default)]
pub struct Farewells(Arc<SessionGroup>);

impl Farewells {
    /// Waits until they are answered or given up, at most for `patience`.
    pub async fn said(&self, patience: Duration) {
        match tokio::time::timeout(patience, self.0.await_teardown()).await {
            Ok(Ok(())) => {}
            // The camera ends what it does not hear of any more; nobody needs to act.
            Ok(Err(_)) | Err(_) => tracing::debug!("a TEARDOWN was not answered"),
        }
    }
}

/// A camera that has said what it offers.
pub struct Described {
    session: Session<retina::client::Described>,
}

/// A playing stream.
pub struct Stream {
    demuxed: Demuxed,
    index: usize,
    codec: Codec,
}

/// Connects and starts playing.
///
/// # Errors
/// See [`SourceError`].
pub async fn open(camera: &Camera) -> Result<Stream, SourceError> {
    describe(&camera.url, &Farewells::default()).await?.play(camera.transport).await
}

/// Connects and asks what there is.
///
/// # Errors
/// See [`SourceError`].
pub async fn describe(url: &CameraUrl, farewells: &Farewells) -> Result<Described, SourceError> {
    let credentials =
        url.credentials().map(|c| Credentials { username: c.user.clone(), password: c.password.expose().clone() });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(AGENT.to_owned())
        .session_group(Arc::clone(&farewells.0))
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore);
    let session = Session::describe(url.bare().clone(), options).await.map_err(|e| SourceError::of(&e))?;
    Ok(Described { session })
}

impl Described {
    /// What it offers.
    pub fn description(&self) -> Description {
        let streams = self.session.streams();
        let taken = choose(streams).ok().map(|(index, _)| index);
        let offer = |(index, stream): (usize, &retina::client::Stream)| Offer {
            media: stream.media().to_owned(),
            encoding: stream.encoding_name().to_owned(),
            clock_hz: stream.clock_rate_hz(),
            rate_hz: stream.framerate().map(f64::from).filter(|hz| hz.is_finite()),
            taken: taken == Some(index),
        };
        let tool = self.session.tool();
        Description {
            server: tool.map(|tool| tool.to_string()),
            sends_to_closed_sessions: tool.is_some_and(Tool::has_live555_tcp_bug),
            streams: streams.iter().enumerate().map(offer).collect(),
            has_parameter_sets: String::from_utf8_lossy(self.session.sdp()).contains(PARAMETER_SETS),
            parameter_sets_readable: taken.is_some_and(|index| streams[index].parameters().is_some()),
        }
    }

    /// Starts the stream that [`Self::description`] calls taken.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub async fn play(mut self, transport: Transport) -> Result<Stream, SourceError> {
        let fail = |e: retina::Error| SourceError::of(&e);
        let (index, codec) = choose(self.session.streams())?;
        let transport = match transport {
            Transport::Tcp => retina::client::Transport::Tcp(Default::default()),
            Transport::Udp => retina::client::Transport::Udp(Default::default()),
        };
        let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
        self.session.setup(index, setup).await.map_err(fail)?;
        let play = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Ignore)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
        let demuxed = self.session.play(play).await.map_err(fail)?.demuxed().map_err(fail)?;
        Ok(Stream { demuxed, index, codec })
    }
}

/// How parameter sets are written in a description (RFC 6184 §8.1).
const PARAMETER_SETS: &str = "sprop-parameter-sets=";

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
            if let Item::Unit(coded) = self.next_item().await? {
                return Ok(coded);
            }
        }
    }

    /// The next access unit or sender report. Giving up the wait loses nothing.
    ///
    /// # Errors
    /// When the stream is over.
    pub async fn next_item(&mut self) -> Result<Item, SourceError> {
        loop {
            match self.demuxed.next().await {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    return Ok(Item::Unit(Coded {
                        rtp: frame.timestamp().timestamp() as u32,
                        first_packet: frame.start_ctx().received(),
                        lost_packets: frame.loss(),
                        new_parameter_sets: frame.has_new_parameters(),
                        codec: self.codec,
                        data: frame.into_data().into(),
                    }));
                }
                Some(Ok(CodecItem::Rtcp(packet))) => {
                    if let Some(report) = SenderReport::of(&packet) {
                        return Ok(Item::Report(report));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(SourceError::of(&e)),
                None => return Err(SourceError::Closed),
            }
        }
    }

    /// Pictures a second by the timing information of the parameter sets, where they have some.
    pub fn announced_hz(&self) -> Option<f64> {
        match self.demuxed.streams().get(self.index)?.parameters()? {
            ParametersRef::Video(video) => match video.frame_rate()? {
                (0, _) => None,
                (ticks, hz) => Some(f64::from(hz) / f64::from(ticks)),
            },
            ParametersRef::Audio(_) | ParametersRef::Message(_) => None,
        }
    }
}

impl SenderReport {
    fn of(packet: &ReceivedCompoundPacket) -> Option<Self> {
        let report = packet.pkts().find_map(|packet| packet.as_sender_report().ok().flatten())?;
        // 32 bits of seconds and 32 of their fraction, in the era of the Unix epoch.
        let since_epoch = report.ntp_timestamp().0.wrapping_sub(UNIX_EPOCH.0);
        let (seconds, fraction) = (since_epoch >> 32, since_epoch & 0xffff_ffff);
        let camera = CaptureTime(seconds.cast_signed() * 1_000_000 + ((fraction * 1_000_000) >> 32).cast_signed());
        Some(Self { camera, received: packet.ctx().received() })
    }
}
