//! An RTSP camera (RFC 2326 and what cameras make of it), by retina.
//!
//! ```text
//! DESCRIBE → choose the video stream → SETUP → PLAY → access units
//! ```
//!
//! Gives H.264 or H.265 access units in Annex B with their parameter sets before each key picture. What retina tolerates of
//! real cameras it is told to tolerate. Beyond that a camera that answers with another address is followed
//! ([`redirect`]), one that retina refuses for no good reason is spoken to through an [`interpreter`], and a packet that is not of this stream, or comes out of order, is left out where retina would have
//! ended the stream. Two use it: the source, which only wants pictures, and the doctor, which wants to know everything
//! on the way.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::doctor::report::{Description, Offer, Way};
use edge_core::interpreter::{Mend, Mends};
use futures::StreamExt;
use omma_media::bitstream::is_key;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;
use omma_runtime::crash;
use retina::UNIX_EPOCH;
use retina::client::{
    Credentials, Demuxed, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session, SessionOptions,
    SetupOptions, TeardownPolicy, Tool, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};
use retina::rtcp::ReceivedCompoundPacket;
use url::Url;

use crate::AGENT;
use crate::source::error::{SourceError, in_a_line, packet_fault};
use crate::source::farewells::Farewells;
use crate::source::interpreter::fault::Finds;
use crate::source::interpreter::{self, Door};
use crate::source::redirect;
use crate::source::url::CameraUrl;

/// Packets in a row that could not be used, after which they are the reason why there is no picture.
const MANY: u32 = 8;
/// How long packets of another source than the one that was announced may come before the first of this one.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// One access unit as it came.
#[derive(Debug)]
pub struct Coded {
    /// RTP timestamp, 90 kHz; of a camera that does not speak RTP, its arrival in such ticks.
    pub rtp: u32,
    /// When its first packet was read; when it was taken, of a camera of this machine that says so.
    pub first_packet: Instant,
    /// RTP packets missing before or within it.
    pub lost_packets: u16,
    /// Packets left out before it because they could not be used.
    pub unusable_packets: u32,
    /// Whether it brought parameter sets that were not known.
    pub new_parameter_sets: bool,
    /// Whether it is a key picture.
    pub key: bool,
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
    /// Of the stream, 90 kHz.
    pub rtp: u32,
    /// Its date by the camera's clock.
    pub camera: CaptureTime,
    /// When it came.
    pub received: Instant,
}

/// A camera that has said what it offers.
pub struct Described {
    session: Session<retina::client::Described>,
    redirected: bool,
    way: Way,
    /// What retina can't see, where an interpreter is in between.
    finds: Option<Finds>,
}

/// A playing stream.
pub struct Stream {
    demuxed: Demuxed,
    index: usize,
    codec: Codec,
    /// Packets left out since the last picture, and what was wrong with the last one.
    unusable: u32,
    fault: Option<String>,
    /// Since when, until a picture comes.
    without_picture: Option<Instant>,
    finds: Option<Finds>,
}

/// Connects and asks what there is, so that pictures can come this `way`. Follows a camera that answers with another of its
/// addresses. What `mends` names is put right.
///
/// # Errors
/// See [`SourceError`].
pub async fn describe(
    url: &CameraUrl,
    farewells: &Farewells,
    way: Way,
    mends: Mends,
) -> Result<Described, SourceError> {
    let mut at = url.bare().clone();
    // The interpreter ends its session by itself.
    let mut teardown = if mends.is_empty() { TeardownPolicy::Auto } else { TeardownPolicy::Never };
    for _ in 0..=redirect::MOST + 1 {
        let door = if mends.is_empty() {
            None
        } else {
            Some(interpreter::open(url, &at, mends, way, farewells.interpreters()).await?)
        };
        let options = options(url, farewells, door.as_ref()).teardown(teardown);
        let (asked, mut finds) = door.map_or_else(|| (at.clone(), None), |door| (door.url, Some(door.finds)));
        let described = tokio::select! {
            described = contained(Session::describe(asked.clone(), options)) => described.map_err(|said| {
                // As it says of other descriptions that it can't read.
                let sdp = if said.contains("sdp-types") { "Unable to parse SDP: " } else { "" };
                panicked(format!("{sdp}{said}"))
            })?,
            fault = ended(&mut finds) => return Err(fault),
        };
        match described {
            // Retina would say goodbye, with the login, to the host that the description names: a camera's inner address
            // is somebody else's here.
            Ok(session) if matches!(teardown, TeardownPolicy::Auto) && names_other_host(session.streams(), &at) => {
                teardown = TeardownPolicy::Never;
            }
            Ok(session) => return Ok(Described { session, redirected: at != *url.bare(), way, finds }),
            Err(e) if matches!(e.status_code(), Some(300..=399)) => at = redirect::follow(&at).await?,
            Err(e) => {
                let error = SourceError::of(&e);
                return Err(match finds {
                    Some(finds) => finds.explain_entering(error),
                    None => error,
                });
            }
        }
    }
    let what = "the camera sends its players from one address to the next in a circle: put the right one into `url`";
    Err(SourceError::Unusable(what.to_owned()))
}

/// What retina does. At some of what cameras send it panics, or what it is made of does: that is told as the camera's fault, which it
/// is, and may be put right. What panicked is not to be asked again.
///
/// # Errors
/// What was said then, in one line.
async fn contained<F: Future>(work: F) -> Result<F::Output, String> {
    crash::contained_future(work).await.map_err(|said| in_a_line(&said))
}

fn panicked(said: String) -> SourceError {
    SourceError::Unreadable(format!("what reads it gave up: {said}"))
}

/// The interpreter's fault; without one, or without an interpreter, never.
async fn ended(finds: &mut Option<Finds>) -> SourceError {
    match finds {
        Some(finds) => finds.fault().await,
        None => std::future::pending().await,
    }
}

fn explained(finds: Option<&Finds>, error: SourceError) -> SourceError {
    match finds {
        Some(finds) => finds.explain(error),
        None => error,
    }
}

fn names_other_host(streams: &[retina::client::Stream], at: &Url) -> bool {
    let mut controls = streams.iter().filter_map(retina::client::Stream::control);
    controls.any(|control| control.host_str() != at.host_str())
}

fn options(url: &CameraUrl, farewells: &Farewells, door: Option<&Door>) -> SessionOptions {
    // The interpreter signs by itself.
    let credentials = url.credentials().filter(|_| door.is_none());
    let credentials =
        credentials.map(|c| Credentials { username: c.user.clone(), password: c.password.expose().clone() });
    SessionOptions::default()
        .creds(credentials)
        .user_agent(door.map_or_else(|| AGENT.to_owned(), |door| door.token.clone()))
        .session_group(farewells.group())
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
}

impl Described {
    /// What it offers.
    pub fn description(&self) -> Description {
        let streams = self.session.streams();
        let taken = choose(streams).ok();
        let offer = |(index, stream): (usize, &retina::client::Stream)| Offer {
            media: stream.media().to_owned(),
            encoding: stream.encoding_name().to_owned(),
            clock_hz: stream.clock_rate_hz(),
            rate_hz: stream.framerate().map(f64::from).filter(|hz| hz.is_finite()),
            taken: taken.is_some_and(|(taken, _)| taken == index),
        };
        let sets = if matches!(taken, Some((_, Codec::H265))) { PARAMETER_SETS_H265 } else { PARAMETER_SETS };
        let tool = self.session.tool();
        Description {
            server: tool.map(|tool| tool.to_string()),
            redirected: self.redirected,
            sends_to_closed_sessions: tool.is_some_and(Tool::has_live555_tcp_bug),
            streams: streams.iter().enumerate().map(offer).collect(),
            has_parameter_sets: String::from_utf8_lossy(self.session.sdp()).contains(sets),
            parameter_sets_readable: taken.is_some_and(|(index, _)| streams[index].parameters().is_some()),
        }
    }

    /// Starts the stream that [`Self::description`] calls taken.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub async fn play(mut self) -> Result<Stream, SourceError> {
        let finds = self.finds;
        let fail = |e: retina::Error| explained(finds.as_ref(), SourceError::of(&e));
        let (index, codec) = choose(self.session.streams())?;
        let transport = match self.way {
            Way::Tcp => retina::client::Transport::Tcp(Default::default()),
            Way::Udp => retina::client::Transport::Udp(Default::default()),
        };
        let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
        contained(self.session.setup(index, setup)).await.map_err(panicked)?.map_err(fail)?;
        let play = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Ignore)
            .initial_seq(InitialSequenceNumberPolicy::Ignore)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
        let playing = contained(self.session.play(play)).await.map_err(panicked)?.map_err(fail)?;
        let demuxed = crash::contained(|| playing.demuxed()).map_err(panicked)?.map_err(fail)?;
        let without_picture = Some(Instant::now());
        Ok(Stream { demuxed, index, codec, unusable: 0, fault: None, without_picture, finds })
    }
}

/// How parameter sets are written in a description (RFC 6184 §8.1; of H.265 RFC 7798 §7.1, one of three).
const PARAMETER_SETS: &str = "sprop-parameter-sets=";
const PARAMETER_SETS_H265: &str = "sprop-sps=";

fn choose(streams: &[retina::client::Stream]) -> Result<(usize, Codec), SourceError> {
    let video = || streams.iter().enumerate().filter(|(_, stream)| stream.media() == "video");
    // Where there are both, the one that everything here can decode and show.
    for (name, codec) in [("h264", Codec::H264), ("h265", Codec::H265)] {
        if let Some((index, _)) = video().find(|(_, stream)| stream.encoding_name() == name) {
            return Ok((index, codec));
        }
    }
    let names: Vec<_> = video().map(|(_, stream)| stream.encoding_name()).collect();
    Err(SourceError::Unusable(match names.as_slice() {
        [] => "the camera describes no video stream".to_owned(),
        names => format!("the camera sends {}: set this stream to H.264 or H.265 in the camera", names.join(", ")),
    }))
}

impl Stream {
    /// The next access unit or sender report. Giving up the wait loses nothing.
    ///
    /// # Errors
    /// When the stream is over.
    pub async fn next(&mut self) -> Result<Item, SourceError> {
        loop {
            match contained(self.demuxed.next()).await.map_err(panicked)? {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    (self.fault, self.without_picture) = (None, None);
                    let (rtp, first_packet) = (frame.timestamp().timestamp() as u32, frame.start_ctx().received());
                    let (lost_packets, new_parameter_sets) = (frame.loss(), frame.has_new_parameters());
                    let data: Bytes = frame.into_data().into();
                    return Ok(Item::Unit(Coded {
                        rtp,
                        first_packet,
                        lost_packets,
                        unusable_packets: std::mem::take(&mut self.unusable),
                        new_parameter_sets,
                        key: is_key(self.codec, &data),
                        codec: self.codec,
                        data,
                    }));
                }
                Some(Ok(CodecItem::Rtcp(packet))) => {
                    if let Some(report) = SenderReport::of(&packet) {
                        return Ok(Item::Report(report));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => match packet_fault(&e) {
                    Some(fault) => self.leave_out(fault)?,
                    None => return Err(explained(self.finds.as_ref(), SourceError::of(&e))),
                },
                None => return Err(explained(self.finds.as_ref(), SourceError::Closed)),
            }
        }
    }

    fn leave_out(&mut self, fault: String) -> Result<(), SourceError> {
        if self.fault.is_none() {
            tracing::debug!(%fault, "a packet is left out");
        }
        self.unusable = self.unusable.saturating_add(1);
        // None of the announced one came, by retina's count, so that is wrong, and not these packets.
        let nothing_else = self.without_picture.is_some_and(|since| since.elapsed() > ANNOUNCED);
        let error = SourceError::Unreadable(fault.clone());
        if nothing_else && self.unusable >= MANY && error.mend() == Some(Mend::Ssrc) {
            return Err(error);
        }
        self.fault = Some(fault);
        Ok(())
    }

    /// The reason for the silence of a stream, where it is known better.
    pub fn explain(&self, error: SourceError) -> SourceError {
        match (error, &self.fault) {
            (SourceError::Silent { .. }, Some(fault)) if self.unusable >= MANY => {
                SourceError::Unreadable(fault.clone())
            }
            (error, _) => explained(self.finds.as_ref(), error),
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
        Some(Self { rtp: report.rtp_timestamp(), camera, received: packet.ctx().received() })
    }
}
