//! Target of what str0m reads for the hub: a browser's datagrams. Keys and randoms are new in each run: only what is spoilt outside of what
//! is encrypted or signed is the same when it is replayed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cloud_hub::live::whep::egress::Egress;
use cloud_hub::live::whep::packetize::Packets;
use cloud_hub::live::whep::session::{Happened, Input, Next, PANICKED, Session, read_offer};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use str0m::change::SdpAnswer;
use str0m::channel::ChannelId;
use str0m::config::CryptoProvider;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input as RtcInput, Output, Rtc, RtcConfig};

/// Long enough to connect and to talk for a while, also where the first datagrams are spoilt.
const TURNS: u32 = 150;
const TURN: Duration = Duration::from_millis(20);
/// Of a picture of one slice.
const PICTURE: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x84, 0x00, 0x33, 0xff];

/// A browser that connects, hears a picture now and then, and talks, with some of its datagrams spoilt on their way as `data` says
/// ([`Spoilt`]): the hub's session ends with a reason or goes on, and without any spoilt it hears all that was said.
pub fn webrtc_datagrams(data: &[u8]) {
    let (here, hub) = (SocketAddr::from(([192, 0, 2, 7], 40000)), SocketAddr::from(([192, 0, 2, 1], 5004)));
    let start = Instant::now();
    let mut browser = Browser::new(here, start);
    let Some((offer, pending)) = browser.offer() else { panic!("nothing to offer") };
    let offer = read_offer(&offer).unwrap_or_else(|e| panic!("our own offer: {e}"));
    let (mut session, answer) = Session::new(offer, &[hub], 7, start).unwrap_or_else(|e| panic!("our own offer: {e}"));
    let answer = SdpAnswer::from_sdp_string(&answer).unwrap_or_else(|e| panic!("the hub's answer: {e}"));
    assert!(browser.rtc.sdp_api().accept_answer(pending, answer).is_ok());

    let mut way = Spoilt::new(data);
    let (mut egress, mut happened) = (Egress::default(), vec![]);
    for turn in 0..TURNS {
        let now = start + TURN * turn;
        browser.turn(now, turn);
        let mut inputs: Vec<Input<'_>> = vec![Input::Wake];
        let unit = AccessUnit { time: CaptureTime(7), key: true, codec: Codec::H264, data: PICTURE.into() };
        let packets = Packets::new(&unit, now);
        if session.connected() {
            inputs.push(Input::Picture { packets: &packets, playout: Duration::ZERO });
        }
        let datagrams: Vec<_> = browser.sent.drain(..).flat_map(|datagram| way.take(datagram)).collect();
        for datagram in &datagrams {
            let Ok(receive) = Receive::new(Protocol::Udp, here, hub, datagram) else { continue };
            let input = RtcInput::Receive(now, receive);
            if session.accepts(&input) {
                inputs.push(Input::Network(input));
            }
        }
        for input in inputs {
            if let Next::Gone(why) = session.apply(now, input, &mut egress, &mut happened) {
                assert_ne!(why, PANICKED);
                assert!(!data.is_empty(), "it is over though nothing was spoilt: {why}");
                return;
            }
        }
        while let Some(batch) = egress.front() {
            browser.hears(hub, &batch.bytes, now);
            egress.pop();
        }
    }
    if data.is_empty() {
        let all = [Happened::Connected, Happened::ChannelOpen, Happened::KeyPictureWanted, Happened::Said(SAID.into())];
        assert!(all.iter().all(|one| happened.contains(one)), "{happened:?}");
    }
}

const SAID: &str = r#"{"type":"clock","id":1}"#;

struct Browser {
    rtc: Rtc,
    address: SocketAddr,
    video: Option<Mid>,
    channel: Option<ChannelId>,
    sent: VecDeque<Vec<u8>>,
}

impl Browser {
    fn new(address: SocketAddr, now: Instant) -> Self {
        static CRYPTO: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
        let crypto = CRYPTO.get_or_init(|| Arc::new(str0m_aws_lc_rs::default_provider()));
        let mut rtc = RtcConfig::new().set_crypto_provider(crypto.clone()).clear_codecs().enable_h264(true).build(now);
        if let Ok(candidate) = Candidate::host(address, Protocol::Udp) {
            rtc.add_local_candidate(candidate);
        }
        Self { rtc, address, video: None, channel: None, sent: VecDeque::new() }
    }

    fn offer(&mut self) -> Option<(String, str0m::change::SdpPendingOffer)> {
        let mut api = self.rtc.sdp_api();
        self.video = Some(api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None));
        api.add_channel("omma".to_owned());
        api.apply().map(|(offer, pending)| (offer.to_sdp_string(), pending))
    }

    /// Says what there is to say, each of it some turns after the other.
    fn turn(&mut self, now: Instant, turn: u32) {
        match turn % 10 {
            3 => {
                if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
                    drop(channel.write(false, SAID.as_bytes()));
                }
            }
            7 => {
                if let Some(mut writer) = self.video.and_then(|mid| self.rtc.writer(mid)) {
                    drop(writer.request_keyframe(None, KeyframeRequestKind::Pli));
                }
            }
            _ => {}
        }
        // What it makes of a hub's answer to what was spoilt is a browser's business.
        drop(self.rtc.handle_input(RtcInput::Timeout(now)));
        self.drain();
    }

    fn hears(&mut self, hub: SocketAddr, datagram: &[u8], now: Instant) {
        if let Ok(receive) = Receive::new(Protocol::Udp, hub, self.address, datagram) {
            drop(self.rtc.handle_input(RtcInput::Receive(now, receive)));
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => self.sent.push_back(transmit.contents.to_vec()),
                Ok(Output::Event(Event::ChannelOpen(id, _))) => self.channel = Some(id),
                Ok(Output::Event(_)) => {}
                Ok(Output::Timeout(_)) | Err(_) => return,
            }
        }
    }
}

/// A way on which datagrams are spoilt: of each five bytes the first is the number of a datagram, modulo 256, the second what is done to it,
/// the next two where in it, and the last by what.
struct Spoilt<'a> {
    edits: &'a [[u8; 5]],
    passed: u8,
}

impl<'a> Spoilt<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { edits: data.as_chunks().0, passed: 0 }
    }

    /// What comes of one.
    fn take(&mut self, mut datagram: Vec<u8>) -> Vec<Vec<u8>> {
        let mut copies = 1;
        for [number, what, high, low, by] in self.edits.iter().copied() {
            let at = usize::from(u16::from_be_bytes([high, low])).min(datagram.len());
            if number != self.passed {
                continue;
            }
            match what % 6 {
                0 => datagram.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= by),
                1 => datagram.truncate(at),
                2 => datagram.insert(at, by),
                3 => datagram.splice(at.., std::iter::repeat_n(by, 64)).for_each(drop),
                4 => copies = usize::from(by % 4),
                _ => datagram.iter_mut().skip(at).take(4).for_each(|byte| *byte = by),
            }
        }
        self.passed = self.passed.wrapping_add(1);
        vec![datagram; copies]
    }
}
