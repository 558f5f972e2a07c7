//! One viewer's WebRTC session.
//!
//! str0m decides and never waits, but leaves a duty to its caller: after each input, all output must be taken, or
//! pictures freeze. So there is one call here, [`Session::apply`]: one input, everything out, and when to come back.
//!
//! ```text
//!  offered ──ICE and DTLS──▶ connected ──closed by either side, or silent──▶ gone
//!     └──────────────────never connected: the driver gives up───────────────▶ gone
//! ```
//!
//! str0m is used below its own packetizer (RTP mode): pictures were cut once for all viewers, and the timestamp is the
//! capture time's and nothing else.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::config::CryptoProvider;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{MediaTime, Mid, Pt};
use str0m::net::Protocol;
use str0m::rtp::{Extension, ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input as RtcInput, Output, Rtc, RtcConfig, RtcError};

use super::egress::Egress;
use super::packetize::Packets;

/// Label of the data channel that boxes go over.
pub(super) const CHANNEL: &str = "omma";
/// Most bytes of boxes on their way to a viewer. Beyond, they are dropped: the next ones are newer.
const MAX_CHANNEL_BYTES: usize = 64 * 1024;
/// Longest message that a viewer may send.
const MAX_MESSAGE: u32 = 4 * 1024;
/// Why nothing came of it when the protocol code found itself at fault.
pub const PANICKED: &str = "the protocol code panicked";
/// Outputs after one input. A session that gives more is broken and would hold up all others.
const MAX_OUTPUTS: usize = 100_000;

/// What a session is given.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one call; a box would cost an allocation a packet"
)]
pub enum Input<'a> {
    /// Its deadline has come.
    Wake,
    /// A datagram that [`Session::accepts`].
    Network(RtcInput<'a>),
    /// A picture, to be shown after `playout`.
    Picture {
        /// The picture.
        packets: &'a Packets,
        /// How long the viewer holds it back.
        playout: Duration,
    },
    /// A message for the data channel.
    Message(&'a str),
    /// Say goodbye.
    Close,
}

/// What happened in a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Happened {
    /// Pictures can be sent.
    Connected,
    /// Messages can be sent.
    ChannelOpen,
    /// The viewer's decoder needs a key picture (PLI or FIR, RFC 4585 §6.3.1, RFC 5104 §4.3.1).
    KeyPictureWanted,
    /// The viewer said something on the data channel.
    Said(String),
    /// A message found no room and was dropped.
    MessageDropped,
}

/// What follows.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Come back at this time at the latest.
    WakeAt(Instant),
    /// It is over; why.
    Gone(String),
}

/// Why an offer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// It is none.
    #[error("not an SDP offer: {0}")]
    Unreadable(String),
    /// It can't be used.
    #[error("the offer can't be answered: {0}")]
    Refused(String),
    /// It has no video that we could send to.
    #[error("the offer receives no H.264 video in packetization mode 1 (RFC 6184), which is all that is sent here")]
    NoVideo,
}

/// Reads an offer.
///
/// # Errors
/// Where it is none.
pub fn read_offer(text: &str) -> Result<SdpOffer, OfferError> {
    guarded(|| SdpOffer::from_sdp_string(text).map_err(|e| reason(&e.to_string()))).map_err(OfferError::Unreadable)
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    rtc: Rtc,
    mid: Option<Mid>,
    payload_type: Option<Pt>,
    channel: Option<ChannelId>,
    connected: bool,
    sequence: u64,
    gone: Option<String>,
}

impl Session {
    /// Takes an offer. Returns the session and the answer.
    ///
    /// # Errors
    /// Where the offer is malformed or has no video for us.
    pub fn new(
        offer: SdpOffer,
        addresses: &[SocketAddr],
        first_sequence: u16,
        now: Instant,
    ) -> Result<(Self, String), OfferError> {
        let (rtc, answer) = guarded(|| answer(offer, addresses, now)).map_err(OfferError::Refused)?;
        let mut session = Self {
            rtc,
            mid: video_mid(&answer),
            payload_type: None,
            channel: None,
            connected: false,
            // RFC 3550 §5.1 wants a random start. The upper half is spared so that the rollover counter, which is not
            // sent, is zero for certain on both sides (RFC 3711 §3.3.1).
            sequence: u64::from(first_sequence & 0x7fff),
            gone: None,
        };
        if let Next::Gone(why) = session.apply(now, Input::Wake, &mut Egress::default(), &mut vec![]) {
            return Err(OfferError::Refused(why));
        }
        session.payload_type = session.choose_payload_type(None);
        session.payload_type.ok_or(OfferError::NoVideo)?;
        Ok((session, answer))
    }

    /// Whether a datagram belongs to this session.
    pub fn accepts(&self, datagram: &RtcInput<'_>) -> bool {
        self.gone.is_none() && self.rtc.accepts(datagram)
    }

    /// Whether pictures can be sent.
    pub fn connected(&self) -> bool {
        self.connected
    }

    /// Applies one input and takes all that comes out of it: datagrams go to `egress`, events to `happened`.
    pub fn apply(&mut self, now: Instant, input: Input<'_>, egress: &mut Egress, happened: &mut Vec<Happened>) -> Next {
        if let Some(why) = &self.gone {
            return Next::Gone(why.clone());
        }
        // After a panic the session is never touched again, so that no half-changed state is seen.
        let result = guarded(|| {
            let taken = self.input(now, input, happened).and_then(|()| self.drain(now, egress, happened));
            taken.map_err(|e| e.to_string())
        });
        let why = match result {
            Ok(at) if self.rtc.is_alive() => return Next::WakeAt(at),
            Ok(_) => "closed".to_owned(),
            Err(why) => why,
        };
        self.gone = Some(why.clone());
        Next::Gone(why)
    }

    fn input(&mut self, now: Instant, input: Input<'_>, happened: &mut Vec<Happened>) -> Result<(), RtcError> {
        match input {
            Input::Wake => self.rtc.handle_input(RtcInput::Timeout(now)),
            Input::Network(datagram) => self.rtc.handle_input(datagram),
            Input::Picture { packets, playout } => {
                self.rtc.handle_input(RtcInput::Timeout(now))?;
                self.write(packets, playout);
                Ok(())
            }
            Input::Message(text) => {
                let channel = self.channel.and_then(|id| self.rtc.channel(id));
                let taken = channel.map_or(Ok(false), |mut channel| channel.write(false, text.as_bytes()))?;
                if !taken {
                    happened.push(Happened::MessageDropped);
                }
                Ok(())
            }
            Input::Close => self.rtc.close(),
        }
    }

    fn write(&mut self, packets: &Packets, playout: Duration) {
        if packets.profile.is_some() {
            self.payload_type = self.choose_payload_type(packets.profile);
        }
        let (Some(mid), Some(payload_type)) = (self.mid, self.payload_type) else { return };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else { return };
        let playout = MediaTime::from_millis(playout.as_millis() as u64);
        let last = packets.payloads.len().saturating_sub(1);
        for (i, payload) in packets.payloads.iter().enumerate() {
            let extensions = ExtensionValues {
                play_delay_min: Some(playout),
                play_delay_max: Some(playout),
                ..ExtensionValues::default()
            };
            let (sequence, time) = (self.sequence.into(), packets.time.rtp());
            let packet = RtpWrite::new(payload_type, sequence, time, packets.taken, payload.clone())
                .marker(i == last)
                .ext_vals(extensions)
                .nackable(true);
            stream.write_rtp(packet);
            self.sequence += 1;
        }
    }

    fn drain(&mut self, now: Instant, egress: &mut Egress, happened: &mut Vec<Happened>) -> Result<Instant, RtcError> {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output()? {
                Output::Timeout(at) if at <= now => self.rtc.handle_input(RtcInput::Timeout(now))?,
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) => egress.push(transmit.destination, &transmit.contents),
                Output::Event(event) => self.event(event, happened),
            }
        }
        self.rtc.disconnect();
        Ok(now)
    }

    fn event(&mut self, event: Event, happened: &mut Vec<Happened>) {
        match event {
            Event::Connected => {
                self.connected = true;
                happened.push(Happened::Connected);
            }
            // ICE could come back, but a page whose network changed joins again faster than that.
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.rtc.disconnect(),
            Event::KeyframeRequest(_) => happened.push(Happened::KeyPictureWanted),
            Event::ChannelOpen(id, label) if label == CHANNEL => {
                self.channel = Some(id);
                happened.push(Happened::ChannelOpen);
            }
            Event::ChannelClose(id) if self.channel == Some(id) => self.channel = None,
            Event::ChannelData(data) if self.channel == Some(data.id) => {
                happened.push(Happened::Said(String::from_utf8_lossy(&data.data).into_owned()));
            }
            _ => {}
        }
    }

    /// Of the payload types that the viewer takes, the one whose profile is the stream's, else any: decoders take a
    /// higher profile than they name (Chromium decodes High sent as Constrained Baseline).
    ///
    /// Not by [`Rtc::writer`], which is for whole pictures and panics in RTP mode.
    fn choose_payload_type(&self, profile: Option<u8>) -> Option<Pt> {
        let known = self.rtc.codec_config();
        let usable =
            |p: &&PayloadParams| p.spec().codec == Codec::H264 && p.spec().format.packetization_mode == Some(1);
        let differs = |p: &&PayloadParams| p.spec().format.profile_level_id.map(|id| (id >> 16) as u8) != profile;
        // The first of several equals: the viewer lists what it likes best first.
        let taken = self.rtc.media(self.mid?)?.remote_pts();
        let params = taken.iter().filter_map(|pt| known.params().iter().find(|p| p.pt() == *pt));
        params.filter(usable).min_by_key(differs).map(|p| p.pt())
    }
}

/// A stranger that finds an assertion in the protocol code must end its own session only, not everybody's.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(PANICKED.to_owned()))
}

/// What the parser says in one line, without an address in memory that it gives for a place.
fn reason(error: &str) -> String {
    error.lines().filter(|line| !line.is_empty() && !line.contains("PointerOffset")).collect::<Vec<_>>().join("; ")
}

/// The video of an answer, where it was not refused (RFC 8829 §5.3.1: port 0). str0m tells of it only once the
/// connection is up, which is too late to refuse the offer.
fn video_mid(answer: &str) -> Option<Mid> {
    let sections = answer.split("\nm=").skip(1);
    let video = sections.filter(|section| section.starts_with("video ") && !section.starts_with("video 0 "));
    video.flat_map(str::lines).find_map(|line| line.strip_prefix("a=mid:")).map(|mid| Mid::from(mid.trim()))
}

fn answer(offer: SdpOffer, addresses: &[SocketAddr], now: Instant) -> Result<(Rtc, String), String> {
    let mut rtc = config().build(now);
    for address in addresses {
        let candidate = Candidate::host(*address, Protocol::Udp).map_err(|e| e.to_string())?;
        rtc.add_local_candidate(candidate);
    }
    let answer = rtc.sdp_api().accept_offer(offer).map_err(|e| e.to_string())?.to_sdp_string();
    Ok((rtc, answer))
}

fn config() -> RtcConfig {
    static CRYPTO: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let crypto = CRYPTO.get_or_init(|| Arc::new(str0m_aws_lc_rs::default_provider()));
    RtcConfig::new()
        .set_crypto_provider(crypto.clone())
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_h264(true)
        // Only what is used: no transport-wide congestion control, hence no feedback packets to be read, and no pacer,
        // which would delay pictures.
        .clear_extension_map()
        .set_extension(1, Extension::RtpMid)
        .set_extension(2, Extension::PlayoutDelay)
        .set_stats_interval(None)
        .set_sctp_max_buffered_amount(MAX_CHANNEL_BYTES)
        .set_sctp_max_message_size(MAX_MESSAGE)
}
