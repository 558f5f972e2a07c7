//! A viewer without a browser: joins a stream over WHEP as the page does and reports all that it is sent.
//!
//! ```text
//! join (HTTP) ─▶ connecting ─ICE, DTLS─▶ Connected ─▶ Picture*, Said* ─▶ Gone
//! ```
//!
//! It uses str0m's own depacketizer, which nobody here wrote, against the hub's packetizer, which we did.

#![allow(clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

mod whep;

pub mod load;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use nix::sys::socket::{setsockopt, sockopt};
use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser, Mode};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::config::CryptoProvider;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};

pub use whep::{Hub, Refused, Session};

/// The kernel keeps what comes while the viewer is busy, as it does for a browser. A group of pictures comes in one
/// burst to who joins; the kernel counts each packet as twice its size, and gives what it is allowed to.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a viewer was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Media can flow.
    Connected,
    /// Messages can be said.
    ChannelOpen,
    /// One access unit.
    Picture {
        /// RTP timestamp.
        rtp: u32,
        /// Byte stream, without what the packetizer leaves out.
        data: Arc<[u8]>,
        /// Whether nothing is missing before it.
        contiguous: bool,
        /// The extension `playout-delay`, `(min, max)`.
        playout: Option<(Duration, Duration)>,
    },
    /// A message on the data channel.
    Said(Box<HubToBrowser>),
    /// The session has ended.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub struct Viewer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    session: Session,
    mid: Mid,
    channel: Option<ChannelId>,
    wake: Instant,
    seen: VecDeque<Seen>,
    buffer: Vec<u8>,
}

impl Viewer {
    /// Joins a stream.
    ///
    /// # Errors
    /// Where the hub refuses (downcasts to [`Refused`]) or can't be reached.
    pub async fn join(hub: &Hub, stream: &str, mode: Mode) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER).context("set the receive buffer")?;
        let address = socket.local_addr()?;
        let mut rtc = config().build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp)?);
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        api.add_channel_with_config(ChannelConfig {
            label: "omma".to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..ChannelConfig::default()
        });
        let (offer, pending) = api.apply().ok_or_else(|| anyhow!("nothing to offer"))?;
        let (session, answer) = hub.join(stream, mode, offer.to_sdp_string()).await?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let buffer = vec![0; 2048];
        let wake = Instant::now();
        Ok(Self { rtc, socket, address, session, mid, channel: None, wake, seen: VecDeque::new(), buffer })
    }

    /// The session's place at the hub.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The next thing seen.
    ///
    /// # Errors
    /// Where the connection breaks, or nothing is seen within `limit`.
    pub async fn next(&mut self, limit: Duration) -> anyhow::Result<Seen> {
        timeout(limit, self.wait()).await.with_context(|| format!("nothing was seen for {limit:?}"))?
    }

    /// Says something on the data channel.
    ///
    /// # Errors
    /// Where it is not open or full.
    pub async fn say(&mut self, message: &BrowserToHub) -> anyhow::Result<()> {
        self.say_text(&serde_json::to_string(message)?).await
    }

    /// As [`Viewer::say`], of any text.
    ///
    /// # Errors
    /// As [`Viewer::say`].
    pub async fn say_text(&mut self, text: &str) -> anyhow::Result<()> {
        let channel = self.channel.context("the data channel is not open")?;
        let mut channel = self.rtc.channel(channel).context("the data channel has closed")?;
        if !channel.write(false, text.as_bytes())? {
            bail!("the data channel is full");
        }
        self.drain().await
    }

    /// Asks for a key picture (PLI).
    ///
    /// # Errors
    /// Where no media flows.
    pub async fn ask_key_picture(&mut self) -> anyhow::Result<()> {
        let mut writer = self.rtc.writer(self.mid).context("no media was agreed on")?;
        writer.request_keyframe(None, KeyframeRequestKind::Pli)?;
        self.rtc.handle_input(Input::Timeout(Instant::now()))?;
        self.drain().await
    }

    async fn wait(&mut self) -> anyhow::Result<Seen> {
        loop {
            self.drain().await?;
            if let Some(seen) = self.seen.pop_front() {
                return Ok(seen);
            }
            tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => {
                    let (len, source) = received?;
                    self.datagram(len, source)?;
                    // Whatever else has come already is taken with the same waking.
                    while let Ok((len, source)) = self.socket.try_recv_from(&mut self.buffer) {
                        self.drain().await?;
                        self.datagram(len, source)?;
                    }
                }
                () = sleep_until(self.wake.into()) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
    }

    fn datagram(&mut self, len: usize, source: SocketAddr) -> anyhow::Result<()> {
        let receive = Receive::new(Protocol::Udp, source, self.address, &self.buffer[..len])?;
        Ok(self.rtc.handle_input(Input::Receive(Instant::now(), receive))?)
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.wake = at;
                    if !self.rtc.is_alive() {
                        self.seen.push_back(Seen::Gone);
                    }
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    self.socket.send_to(&transmit.contents, transmit.destination).await?;
                }
                Output::Event(event) => self.event(event)?,
            }
        }
    }

    fn event(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Connected => self.seen.push_back(Seen::Connected),
            Event::ChannelOpen(id, _) => {
                self.channel = Some(id);
                self.seen.push_back(Seen::ChannelOpen);
            }
            Event::MediaData(media) => {
                let (min, max) = (media.ext_vals.play_delay_min, media.ext_vals.play_delay_max);
                let playout = min.zip(max).map(|(min, max)| (min.into(), max.into()));
                self.seen.push_back(Seen::Picture {
                    rtp: media.time.numer() as u32,
                    data: media.data,
                    contiguous: media.contiguous,
                    playout,
                });
            }
            Event::ChannelData(data) => {
                let message = serde_json::from_slice(&data.data)
                    .with_context(|| format!("the hub said {}", String::from_utf8_lossy(&data.data)))?;
                self.seen.push_back(Seen::Said(Box::new(message)));
            }
            Event::Closed | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.rtc.disconnect();
            }
            _ => {}
        }
        Ok(())
    }
}

fn config() -> RtcConfig {
    static CRYPTO: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let crypto = CRYPTO.get_or_init(|| Arc::new(str0m_aws_lc_rs::default_provider()));
    RtcConfig::new()
        .set_crypto_provider(crypto.clone())
        .clear_codecs()
        .enable_h264(true)
        .set_extension(5, Extension::PlayoutDelay)
        .set_stats_interval(None)
}
