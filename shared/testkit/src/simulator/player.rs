//! Sends one camera's pictures to one client as their time comes.
//!
//! There is no queue: a picture is sent, then the next one is waited for. A client that does not take them fast enough
//! shows by sends that block; when it is [`BACKLOG`] behind, its connection is ended and counted. Lateness without
//! blocked sends is this machine's own, and is caught up with.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, timeout};

use super::quirk::{AFTER, Quirk, Quirks};
use super::rtp::{Packetiser, Packets};
use super::source::{Due, Feed, wall_clock};
use super::transport::Transport;

/// How far a client may fall behind.
pub(super) const BACKLOG: Duration = Duration::from_secs(2);
/// From one sender report to the next, at least; the first goes before the first picture.
const REPORT_EVERY: Duration = Duration::from_secs(2);
/// The same where reports are what is odd.
const REPORT_OFTEN: Duration = Duration::from_millis(100);
/// Pictures left out at the beginning of a stream that begins within a group: the key picture is the first.
const LEFT_OUT: u32 = 3;
/// How late the first key picture is where it is late.
const KEY_AFTER: Duration = Duration::from_secs(3);
/// How far from the player's own a channel is that nobody agreed on.
const NOBODYS_CHANNEL: u8 = 64;
/// Where the SSRC stands in an RTP packet (RFC 3550 §5.1) and in a sender report (§6.4.1).
const RTP_SSRC: usize = 8;
const REPORT_SSRC: usize = 4;
/// Datagrams leave as fast as through the 100 Mbit/s port that most cameras have. A key picture of high resolution is
/// 200 packets; at the speed of loopback they would overflow the client's socket buffer.
const BURST: usize = 16;
const BURST_PAUSE: Duration = Duration::from_millis(2);

/// Why a picture could not be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("the client is {BACKLOG:?} behind")]
    Slow,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Where packets go.
#[derive(Debug)]
enum Link {
    /// On the connection, on these channels.
    Interleaved { rtp: u8, rtcp: u8 },
    /// From these sockets to these addresses.
    Udp { rtp: UdpSocket, rtcp: UdpSocket, rtp_to: SocketAddr, rtcp_to: SocketAddr },
}

/// One client's player, from SETUP to TEARDOWN.
#[derive(Debug)]
pub(super) struct Player {
    link: Link,
    pub(super) packetiser: Packetiser,
    /// `Some` while it plays.
    feed: Option<Feed>,
    packets: Packets,
    outbox: Vec<u8>,
    report_due: Instant,
    /// For how long sends have blocked since the client last was up to date.
    blocked: Duration,
    /// When it began to play.
    begun: Instant,
    /// Pictures that are still to be left out.
    left_out: u32,
    /// Whether it has gone over to another feed.
    switched: bool,
    /// Whether a packet of another source still comes first.
    foreign_first: bool,
    quirks: Quirks,
}

impl Player {
    /// `local` and `peer` are the two ends of the RTSP connection.
    pub(super) async fn new(transport: Transport, local: IpAddr, peer: IpAddr, quirks: &Quirks) -> io::Result<Self> {
        let link = match transport {
            Transport::Interleaved { rtp, rtcp } => Link::Interleaved { rtp, rtcp },
            Transport::Udp { rtp: rtp_to, rtcp: rtcp_to } => {
                let (rtp, rtcp) = bind_pair(local).await?;
                Link::Udp { rtp, rtcp, rtp_to: (peer, rtp_to).into(), rtcp_to: (peer, rtcp_to).into() }
            }
        };
        Ok(Self {
            link,
            packetiser: Packetiser::new(rand::random(), rand::random(), rand::random()).with_quirks(quirks.clone()),
            feed: None,
            packets: Packets::default(),
            outbox: Vec::new(),
            report_due: Instant::now(),
            blocked: Duration::ZERO,
            begun: Instant::now(),
            left_out: 0,
            switched: false,
            foreign_first: quirks.has(Quirk::ForeignFirst),
            quirks: quirks.clone(),
        })
    }

    /// The ports packets come from, for UDP.
    pub(super) fn server_ports(&self) -> io::Result<Option<(u16, u16)>> {
        Ok(match &self.link {
            Link::Interleaved { .. } => None,
            Link::Udp { rtp, rtcp, .. } => Some((rtp.local_addr()?.port(), rtcp.local_addr()?.port())),
        })
    }

    pub(super) fn begin(&mut self, feed: Feed) {
        self.feed = Some(feed);
        self.begun = Instant::now();
        self.report_due = self.begun;
        self.blocked = Duration::ZERO;
        self.left_out = if self.quirks.has(Quirk::MidGroup) { LEFT_OUT } else { 0 };
    }

    /// Whether what happens once in mid-stream is to happen now.
    pub(super) fn is_in_mid_stream(&self) -> bool {
        self.feed.is_some() && self.begun.elapsed() >= AFTER
    }

    /// Whether it still shows what it began with.
    pub(super) fn shows_the_first(&self) -> bool {
        !self.switched
    }

    /// Goes on with another feed.
    pub(super) fn switch(&mut self, feed: Feed) {
        self.feed = Some(feed);
        self.switched = true;
    }

    pub(super) fn pause(&mut self) {
        self.feed = None;
    }

    /// Waits for the next picture, for ever while paused. Giving up the wait loses nothing.
    pub(super) async fn next(&mut self) -> Result<Due, SendError> {
        match &mut self.feed {
            // A feed ends when its pictures were not fetched for seconds.
            Some(feed) => feed.next().await.ok_or(SendError::Slow),
            None => std::future::pending().await,
        }
    }

    /// Sends one picture, and a report where one is due.
    pub(super) async fn send(&mut self, due: &Due, connection: &mut TcpStream) -> Result<(), SendError> {
        if self.left_out > 0 {
            self.left_out -= 1;
            return Ok(());
        }
        let late = self.quirks.has(Quirk::LateKeyPicture) && self.begun.elapsed() < KEY_AFTER;
        if due.picture.key && (late || self.quirks.has(Quirk::NoKeyPictures)) {
            return Ok(());
        }
        if self.is_mute() {
            return Ok(());
        }
        self.packets.clear();
        let begun = Instant::now();
        let report = (begun >= self.report_due).then(|| self.packetiser.report(wall_clock()));
        if report.is_some() {
            let odd =
                [Quirk::NtpSteps, Quirk::ForeignRtcp, Quirk::EncodesLate].into_iter().any(|odd| self.quirks.has(odd));
            self.report_due = begun + if odd { REPORT_OFTEN } else { REPORT_EVERY };
        }
        self.packetiser.packetise(&due.picture, due.time, &mut self.packets);
        match &self.link {
            Link::Interleaved { rtp, rtcp } => {
                self.outbox.clear();
                if self.quirks.has(Quirk::UnassignedChannel) {
                    frame(&mut self.outbox, rtp.wrapping_add(NOBODYS_CHANNEL), b"for nobody");
                }
                if std::mem::take(&mut self.foreign_first)
                    && let Some(packet) = self.packets.iter().next()
                {
                    frame(&mut self.outbox, *rtp, &of_another(packet, RTP_SSRC));
                }
                if let Some(report) = report {
                    if self.quirks.has(Quirk::ForeignRtcp) {
                        frame(&mut self.outbox, *rtcp, &of_another(&report, REPORT_SSRC));
                    }
                    frame(&mut self.outbox, *rtcp, &report);
                }
                for packet in self.packets.iter() {
                    frame(&mut self.outbox, *rtp, packet);
                    if self.quirks.has(Quirk::StrayCrlf) {
                        self.outbox.extend_from_slice(b"\r\n");
                    }
                }
                if self.quirks.has(Quirk::ForeignSsrc)
                    && let Some(packet) = self.packets.iter().next()
                {
                    frame(&mut self.outbox, *rtp, &of_another(packet, RTP_SSRC));
                }
                write(connection, &self.outbox).await?;
                self.keep_up(due, begun)
            }
            Link::Udp { rtp, rtcp, rtp_to, rtcp_to } => {
                if let Some(report) = report {
                    rtcp.send_to(&report, rtcp_to).await?;
                }
                for (i, packet) in self.packets.iter().enumerate() {
                    if i > 0 && i % BURST == 0 {
                        sleep(BURST_PAUSE).await;
                    }
                    rtp.send_to(packet, rtp_to).await?;
                }
                Ok(())
            }
        }
    }

    fn is_mute(&self) -> bool {
        self.quirks.has(Quirk::FallsSilent) && self.is_in_mid_stream()
            || self.quirks.has(Quirk::TcpSilent) && matches!(self.link, Link::Interleaved { .. })
    }

    fn keep_up(&mut self, due: &Due, begun: Instant) -> Result<(), SendError> {
        let now = Instant::now();
        let behind = now.duration_since(due.at);
        self.blocked += now.duration_since(begun);
        if behind < BACKLOG / 4 {
            self.blocked = Duration::ZERO;
        }
        if behind > BACKLOG && self.blocked > BACKLOG / 2 { Err(SendError::Slow) } else { Ok(()) }
    }

    /// Whether the client has sent receiver reports since the last call. Reads what is there and waits for nothing.
    pub(super) fn heard_from(&self) -> bool {
        let Link::Udp { rtcp, rtcp_to, .. } = &self.link else { return false };
        let mut heard = false;
        let mut packet = [0; 1500];
        for _ in 0..16 {
            match rtcp.try_recv_from(&mut packet) {
                Ok((_, from)) => heard |= from.ip() == rtcp_to.ip(),
                Err(_) => break,
            }
        }
        heard
    }
}

/// Writes all, or finds that the client takes nothing for [`BACKLOG`].
pub(super) async fn write(connection: &mut TcpStream, bytes: &[u8]) -> Result<(), SendError> {
    timeout(BACKLOG, connection.write_all(bytes)).await.map_err(|_| SendError::Slow)?.map_err(SendError::Io)
}

/// RFC 2326 §10.12. Packets are far shorter than the 64 KiB that fit.
fn frame(out: &mut Vec<u8>, channel: u8, packet: &[u8]) {
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&(packet.len() as u16).to_be_bytes());
    out.extend_from_slice(packet);
}

/// The packet as another source's, whose SSRC stands at `at`.
fn of_another(packet: &[u8], at: usize) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet.iter_mut().skip(at).take(4).for_each(|byte| *byte = !*byte);
    packet
}

/// Two sockets with neighbouring ports, the first even (RFC 3550 §11).
async fn bind_pair(local: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    const TRIES: usize = 64;
    for _ in 0..TRIES {
        let rtp = UdpSocket::bind((local, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((local, port + 1)).await
        {
            return Ok((rtp, rtcp));
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no two neighbouring UDP ports are free"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn ports_come_in_pairs() {
        let local = Ipv4Addr::LOCALHOST.into();
        let player =
            Player::new(Transport::Udp { rtp: 5000, rtcp: 5001 }, local, local, &Quirks::default()).await.unwrap();
        let (rtp, rtcp) = player.server_ports().unwrap().unwrap();
        assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
    }

    #[test]
    fn frames_carry_channel_and_length() {
        let mut out = vec![];
        frame(&mut out, 3, &[9; 300]);
        assert_eq!((&out[..4], out.len()), (&[b'$', 3, 1, 44][..], 304));
    }
}
