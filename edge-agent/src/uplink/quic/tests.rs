//! Against a hub of a few lines, on loopback.

mod lasting;

mod values;

mod thin;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use edge_core::Moment;
use omma_protocol::camera::{CameraState, Placement};
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::geometry::Rect;
use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{FrameResult, Track, TrackId};
use omma_protocol::unit::{AccessUnit, Codec};
use omma_protocol::wire::quic::{
    ALPN, CameraResult, GroupReader, SERVER_NAME, STREAM_GROUP, STREAM_RESULT, decode_control, decode_result,
    encode_control,
};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};

use super::*;
use crate::unit::Feed;

const LONG: Duration = Duration::from_secs(60);

/// The hub's end.
struct Hub {
    endpoint: Endpoint,
    join: JoinToken,
}

struct Peer {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    buffer: BytesMut,
}

/// A hub's configuration, and a token that joins it wherever it is put.
fn server(transport: TransportConfig) -> (ServerConfig, JoinToken) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let chain = vec![leaf.der().clone(), authority.der().clone()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    config.transport_config(Arc::new(transport));
    let join = JoinToken {
        edge: "site-1".parse().unwrap(),
        quic: "127.0.0.1:1".to_owned(),
        mqtts: "127.0.0.1:1".to_owned(),
        fingerprint: Sha256::digest(authority.der()).into(),
        secret: "correct horse".to_owned().into(),
    };
    (config, join)
}

impl Hub {
    fn start(transport: TransportConfig) -> Self {
        let (config, join) = server(transport);
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        let join = JoinToken { quic: endpoint.local_addr().unwrap().to_string(), ..join };
        Self { endpoint, join }
    }

    async fn accept(&self, answer: HubToEdge) -> Peer {
        let connection = self.endpoint.accept().await.unwrap().await.unwrap();
        let (send, receive) = connection.accept_bi().await.unwrap();
        let mut peer = Peer { connection, send, receive, buffer: BytesMut::new() };
        let hello = peer.hear().await;
        let EdgeToHub::Hello { version: VERSION, edge, secret, .. } = hello else { panic!("{hello:?}") };
        assert_eq!((edge.as_str(), secret.as_str()), ("site-1", "correct horse"));
        peer.say(&answer).await;
        peer
    }
}

impl Peer {
    async fn hear(&mut self) -> EdgeToHub {
        loop {
            if let Some(message) = decode_control(&mut self.buffer).unwrap() {
                return message;
            }
            let chunk = self.receive.read_chunk(65_536, true).await.unwrap().expect("the edge closed the stream");
            self.buffer.extend_from_slice(&chunk.bytes);
        }
    }

    async fn say(&mut self, message: &HubToEdge) {
        self.send.write_all(&encode_control(message).unwrap()).await.unwrap();
    }

    /// The edge has done all that was said before.
    async fn answers(&mut self, ping: u64) {
        self.say(&HubToEdge::Ping { ping }).await;
        let answer = self.hear().await;
        assert!(matches!(answer, EdgeToHub::Pong { ping: p, .. } if p == ping), "{answer:?}");
    }

    /// The next group's number, and its first unit's.
    async fn begun_group(&self) -> (u64, i64) {
        let mut stream =
            tokio::time::timeout(LONG, self.connection.accept_uni()).await.expect("no group comes").unwrap();
        let mut reader = GroupReader::default();
        loop {
            if let Some(unit) = reader.next_unit().unwrap() {
                return (reader.header().unwrap().unwrap().group, unit.time.0 / 100_000);
            }
            reader.push(&stream.read_chunk(65_536, true).await.unwrap().expect("the group has no unit").bytes);
        }
    }

    async fn want(&mut self, units: bool, results: bool) {
        self.say(&HubToEdge::Want { camera: door(), units, results }).await;
    }
}

/// The edge's end.
struct Edge {
    camera: crate::config::checked::Camera,
    feeds: Feeds,
    feed: Feed,
    results: Results,
    reports: Reports,
    state: LinkState,
    token: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Edge {
    fn start(join: &JoinToken) -> Self {
        let camera = crate::config::checked::Camera {
            id: door(),
            name: "Front door".to_owned(),
            url: crate::source::url::CameraUrl::parse("rtsp://cam/").unwrap(),
            sub_url: None,
            transport: crate::config::Transport::Tcp,
            http: crate::config::checked::HttpOptions::default(),
            device: crate::config::checked::DeviceOptions::default(),
            placement: Placement::Edge,
            rate: 5.0,
            min_score: 0.5,
            gate: omma_vision::gate::GateConfig::default(),
            rules: omma_vision::event::rule::config::RulesConfig::default(),
        };
        let (feeds, reports, state) = (Feeds::default(), Reports::new([&camera]), LinkState::new("quic"));
        let (results, _) = tokio::sync::broadcast::channel(64);
        let feed = feeds.of(&door());
        let token = CancellationToken::new();
        let clock = EdgeClock::start();
        let uplink =
            QuicUplink::new(join.clone(), feeds.clone(), results.clone(), reports.clone(), clock, state.clone());
        let running = tokio::spawn(uplink.run(token.clone()));
        Self { camera, feeds, feed, results, reports, state, token, running }
    }

    /// As another configuration without the camera does.
    fn take_out(&self) {
        self.feeds.remove(&door());
        self.reports.set([], |_| false);
    }

    /// As the one before does, that comes back.
    fn put_back(&mut self) {
        self.feed = self.feeds.of(&door());
        self.reports.set([&self.camera], |_| false);
    }

    async fn end(self) {
        self.token.cancel();
        tokio::time::timeout(LONG, self.running).await.unwrap().unwrap();
    }

    async fn is_down(&self, part: &str) {
        tokio::time::timeout(LONG, async {
            loop {
                if let crate::state::link::Link::Down { reason } = self.state.now()
                    && reason.contains(part)
                {
                    assert!(!reason.contains("horse"), "{reason}");
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{:?} instead of {part}", self.state.now()));
    }
}

fn door() -> CameraId {
    "door".parse().unwrap()
}

fn unit(n: i64, key: bool, bytes: usize) -> AccessUnit {
    AccessUnit { time: CaptureTime(n * 100_000), key, codec: Codec::H264, data: vec![n as u8; bytes].into() }
}

/// `None` for a stream that was reset before it said which group it is.
async fn read_group(stream: &mut RecvStream) -> Option<(u64, Vec<i64>)> {
    let mut reader = GroupReader::default();
    let mut times = vec![];
    while let Ok(Some(chunk)) = stream.read_chunk(65_536, true).await {
        reader.push(&chunk.bytes);
        while let Some(unit) = reader.next_unit().unwrap() {
            times.push(unit.time.0 / 100_000);
        }
    }
    Some((reader.header().unwrap()?.group, times))
}

/// On one thread, where a camera's task has ended before a ping after it is no longer wanted is answered.
#[tokio::test]
async fn the_hub_gets_reports_pongs_and_only_what_it_wants() {
    let hub = Hub::start(TransportConfig::default());
    let edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    let EdgeToHub::Cameras(cameras) = peer.hear().await else { panic!("no report") };
    assert_eq!((cameras.len(), &cameras[0].state), (1, &CameraState::Connecting));
    edge.reports.change(&door(), |report| report.state = CameraState::Live);
    let EdgeToHub::Cameras(cameras) = peer.hear().await else { panic!("no report") };
    assert_eq!(cameras[0].state, CameraState::Live);
    peer.answers(7).await;

    // A group that has begun is there at once when it is wanted, and the groups after it follow.
    for n in 0..5 {
        edge.feed.deliver(unit(n, n == 0, 1_000), Moment::ZERO);
    }
    peer.want(true, false).await;
    let mut first = peer.connection.accept_uni().await.unwrap();
    for n in 5..12 {
        edge.feed.deliver(unit(n, n % 10 == 0, 1_000), Moment::ZERO);
    }
    assert_eq!(read_group(&mut first).await, Some((0, (0..10).collect())));
    let mut second = peer.connection.accept_uni().await.unwrap();
    edge.feed.deliver(unit(20, true, 10), Moment::ZERO);
    assert_eq!(read_group(&mut second).await, Some((1, vec![10, 11])));

    // No longer wanted: nothing comes; wanted again: numbers go on.
    peer.want(false, false).await;
    peer.answers(8).await;
    edge.feed.deliver(unit(30, true, 10), Moment::ZERO);
    peer.want(true, false).await;
    peer.answers(9).await;
    loop {
        let mut stream = peer.connection.accept_uni().await.unwrap();
        edge.feed.deliver(unit(40, true, 10), Moment::ZERO);
        match read_group(&mut stream).await {
            Some((3, times)) => break assert_eq!(times, [30]),
            // The group that was under way when it was no longer wanted.
            Some((group, times)) => assert_eq!((group, times), (2, vec![20])),
            None => {}
        }
    }
    edge.end().await;
    assert!(peer.connection.closed().await.to_string().contains("ending"));
}

/// Its units came from a feed of which the task that sent them did not know.
#[tokio::test]
async fn a_camera_that_was_taken_out_and_put_back_has_video_again() {
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    peer.want(true, false).await;
    peer.answers(1).await;

    edge.take_out();
    let EdgeToHub::Cameras(cameras) = peer.hear().await else { panic!("no report") };
    assert_eq!(cameras, []);
    edge.put_back();
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    peer.want(true, false).await;
    edge.feed.deliver(unit(0, true, 10), Moment::ZERO);
    assert_eq!(peer.begun_group().await, (0, 0));

    // So fast that one report tells of both: for the hub nothing has happened, and it says nothing.
    edge.take_out();
    edge.put_back();
    let EdgeToHub::Cameras(cameras) = peer.hear().await else { panic!("no report") };
    assert_eq!(cameras.len(), 1);
    edge.feed.deliver(unit(10, true, 10), Moment::ZERO);
    assert_eq!(peer.begun_group().await, (1, 10));
    edge.end().await;
}

fn result(tracks: usize) -> Arc<CameraResult> {
    let analyst = Analyst { place: Place::Edge, engine: "ort".into(), model: "m".into() };
    let track = |n| Track { id: TrackId(n), label: "person".into(), score: 1.0, rect: Rect::default() };
    let tracks = (0..tracks as u64).map(track).collect();
    let result = FrameResult { time: CaptureTime(42), tracks, analyst: Arc::new(analyst), took: Duration::ZERO };
    Arc::new(CameraResult { camera: door(), result })
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_as_datagrams_and_large_ones_as_streams() {
    let hub = Hub::start(TransportConfig::default());
    let edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    // Nobody may be listening yet.
    drop(edge.results.send(result(9)));
    peer.want(false, true).await;
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    peer.answers(1).await;
    edge.results.send(result(2)).unwrap();
    let datagram = tokio::time::timeout(LONG, peer.connection.read_datagram()).await.unwrap().unwrap();
    assert_eq!(decode_result(&datagram).unwrap(), *result(2), "and not what was found before it was wanted");
    edge.results.send(result(500)).unwrap();
    let mut stream = tokio::time::timeout(LONG, peer.connection.accept_uni()).await.unwrap().unwrap();
    let bytes = stream.read_to_end(1 << 20).await.unwrap();
    assert_eq!(bytes[0], STREAM_RESULT);
    assert_eq!(decode_result(&bytes[1..]).unwrap().result.tracks.len(), 500);
    edge.end().await;
}

/// Half of it looked like the whole to the hub, which could not read it and closed the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_that_is_given_up_is_reset_and_not_finished() {
    let mut thin = TransportConfig::default();
    // The hub takes 1 KB of a stream until it reads.
    thin.stream_receive_window(1000u32.into());
    let hub = Hub::start(thin);
    let edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    peer.want(false, true).await;
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    peer.answers(1).await;
    edge.results.send(result(500)).unwrap();
    let mut stream = tokio::time::timeout(LONG, peer.connection.accept_uni()).await.unwrap().unwrap();
    let reset = tokio::time::timeout(LONG, stream.received_reset()).await.expect("it is finished").unwrap();
    assert_eq!(reset, Some(NO_FAULT));
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_late_is_reset_when_the_next_begins() {
    let mut thin = TransportConfig::default();
    // The hub takes 20 KB of a stream until it reads.
    thin.stream_receive_window(20_000u32.into());
    let hub = Hub::start(thin);
    let edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    peer.want(true, false).await;
    edge.feed.deliver(unit(0, true, 100_000), Moment::ZERO);
    let mut late = tokio::time::timeout(LONG, peer.connection.accept_uni()).await.unwrap().unwrap();
    edge.feed.deliver(unit(10, true, 1_000), Moment::ZERO);
    let mut newest = tokio::time::timeout(LONG, peer.connection.accept_uni()).await.unwrap().unwrap();
    let mut head = [0; 1];
    newest.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], STREAM_GROUP);
    let reset = tokio::time::timeout(LONG, late.received_reset()).await.unwrap().unwrap();
    assert_eq!(reset, Some(NO_FAULT));
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hub_and_a_refusal_are_said_and_the_edge_tries_again() {
    let (hub, stranger) = (Hub::start(TransportConfig::default()), Hub::start(TransportConfig::default()));
    let edge = Edge::start(&JoinToken { quic: stranger.join.quic.clone(), ..hub.join.clone() });
    let refused = stranger.endpoint.accept().await.unwrap().await;
    assert!(refused.is_err(), "the edge took a stranger for its hub");
    edge.is_down("join token").await;
    edge.end().await;

    let edge = Edge::start(&hub.join);
    let mut peer = hub.accept(HubToEdge::Refused { reason: "unknown edge".to_owned() }).await;
    edge.is_down("unknown edge").await;
    drop(peer);
    peer = hub.accept(HubToEdge::Welcome).await;
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    assert_eq!(edge.state.now(), crate::state::link::Link::Up);
    // Garbage on the control stream ends the connection and nothing else.
    peer.send.write_all(&[0xff; 64]).await.unwrap();
    edge.is_down("does not understand").await;
    let mut peer = hub.accept(HubToEdge::Welcome).await;
    assert!(matches!(peer.hear().await, EdgeToHub::Cameras(_)));
    edge.end().await;
}
