//! An edge of our own making against the real ingest, on loopback.

mod cameras;

mod lasting;

mod strangers;

mod values;

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use omma_protocol::camera::{CameraReport, CameraState, Placement};
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::id::{EdgeId, StreamId};
use omma_protocol::secret::Secret;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_protocol::wire::quic::{
    EdgeToHub, GroupHeader, HubToEdge, SERVER_NAME, STREAM_RESULT, VERSION, decode_control, encode_control,
    encode_group_header, encode_result, encode_unit_head,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, RecvStream, SendStream};
use rustls::RootCertStore;
use tempfile::TempDir;

use super::*;
use crate::bus::{Item, Want};
use crate::feed::Feed;
use crate::store::Store;

/// Long enough for the slowest machine: reached only where a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

struct Hub {
    address: SocketAddr,
    bus: Bus,
    registry: Registry,
    edges: Edges,
    roots: RootCertStore,
    token: CancellationToken,
    store: Store,
    desired: Desired,
    commands: Commands,
    folder: TempDir,
}

async fn hub() -> Hub {
    omma_runtime::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::open(folder.path(), &["hub"], SystemTime::now()).unwrap();
    let edges = Edges::open(folder.path()).unwrap();
    let (database, pictures) = (folder.path().join("omma.db"), folder.path().join("pictures"));
    let (store, _nobody_is_told) = Store::open(&database, &pictures, Feed::default()).await.unwrap();
    let keeper = Keeper::new(store.clone(), omma_runtime::health::Health::new().part("store"));
    let desired = Desired::open(folder.path()).unwrap();
    let commands = Commands::default();
    let destination = Destination { bus: Bus::new(), registry: Registry::default(), keeper, desired, commands };
    let any = "127.0.0.1:0".parse().unwrap();
    let quic = Quic::bind(any, &identity, edges.clone(), Attempts::default(), destination.clone()).unwrap();
    let address = quic.address().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(identity.ca().unwrap().clone()).unwrap();
    let token = CancellationToken::new();
    tokio::spawn(quic.run(token.clone()));
    let Destination { bus, registry, desired, commands, .. } = destination;
    Hub { address, bus, registry, edges, roots, token, store, desired, commands, folder }
}

struct Edge {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    buffer: BytesMut,
    _endpoint: Endpoint,
}

impl Hub {
    async fn connect(&self, alpn: &[u8]) -> Result<(Endpoint, Connection), quinn::ConnectionError> {
        let endpoint = self.endpoint(1, alpn);
        let connection = endpoint.connect(self.address, SERVER_NAME).unwrap().await?;
        Ok((endpoint, connection))
    }

    /// A client's, on the host 127.0.0.`host`.
    fn endpoint(&self, host: u8, alpn: &[u8]) -> Endpoint {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let mut endpoint = Endpoint::client((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap())));
        endpoint
    }

    async fn say_hello(&self, hello: EdgeToHub) -> Edge {
        self.say_hello_from(1, hello).await
    }

    async fn say_hello_from(&self, host: u8, hello: EdgeToHub) -> Edge {
        let endpoint = self.endpoint(host, ALPN);
        let connection = endpoint.connect(self.address, SERVER_NAME).unwrap().await.unwrap();
        let (send, recv) = connection.open_bi().await.unwrap();
        let mut edge = Edge { connection, send, recv, buffer: BytesMut::new(), _endpoint: endpoint };
        edge.say(&hello).await;
        edge
    }

    async fn edge(&self, secret: &Secret<String>) -> Edge {
        self.edge_from(1, secret).await
    }

    async fn edge_from(&self, host: u8, secret: &Secret<String>) -> Edge {
        let mut edge = self.say_hello_from(host, hello("site", secret.expose(), VERSION)).await;
        assert_eq!(edge.hear().await, HubToEdge::Welcome);
        edge
    }

    async fn until(&self, what: impl Fn(&crate::registry::Edge) -> bool) {
        let mut watch = self.registry.watch();
        let site: EdgeId = "site".parse().unwrap();
        let found = watch.wait_for(|edges| edges.get(&site).is_some_and(&what));
        tokio::time::timeout(PATIENCE, found).await.expect("the registry never said so").unwrap();
    }
}

fn hello(edge: &str, secret: &str, version: u16) -> EdgeToHub {
    EdgeToHub::Hello { version, edge: edge.parse().unwrap(), secret: secret.into(), agent: "test 1".into() }
}

fn report(camera: &str) -> CameraReport {
    CameraReport {
        camera: camera.parse().unwrap(),
        name: "Door".into(),
        placement: Placement::Edge,
        state: CameraState::Live,
        video: None,
    }
}

fn unit(t: i64, key: bool) -> AccessUnit {
    AccessUnit { time: CaptureTime(t), key, codec: Codec::H264, data: Bytes::from(vec![t as u8; 1000]) }
}

fn door() -> StreamId {
    "site.door".parse().unwrap()
}

impl Edge {
    async fn say(&mut self, message: &EdgeToHub) {
        self.send.write_all(&encode_control(message).unwrap()).await.unwrap();
    }

    /// The next message that is no ping.
    async fn hear(&mut self) -> HubToEdge {
        loop {
            match self.next().await {
                HubToEdge::Ping { .. } => {}
                other => return other,
            }
        }
    }

    async fn next(&mut self) -> HubToEdge {
        loop {
            if let Some(message) = decode_control(&mut self.buffer).unwrap() {
                return message;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.recv.read_chunk(4096, true)).await.unwrap();
            self.buffer.extend_from_slice(&chunk.unwrap().expect("the control stream ended").bytes);
        }
    }

    async fn group(&self, group: u64, units: &[AccessUnit]) -> SendStream {
        let header = GroupHeader { camera: "door".parse().unwrap(), codec: Codec::H264, group };
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(&encode_group_header(&header).unwrap()).await.unwrap();
        for unit in units {
            send_unit(&mut stream, unit).await;
        }
        stream
    }

    async fn closed(&self) -> u32 {
        match tokio::time::timeout(PATIENCE, self.connection.closed()).await.expect("still open") {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner() as u32,
            other => panic!("closed by {other}"),
        }
    }
}

async fn send_unit(stream: &mut SendStream, unit: &AccessUnit) {
    stream.write_all(&encode_unit_head(unit).unwrap()).await.unwrap();
    stream.write_all(&unit.data).await.unwrap();
}

#[tokio::test]
async fn an_edge_is_told_what_is_wanted_and_its_units_reach_the_bus() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let mut edge = hub.edge(&secret).await;
    edge.say(&EdgeToHub::Cameras(vec![report("door")])).await;
    hub.until(|e| e.connected && e.cameras.len() == 1 && e.agent.as_deref() == Some("test 1")).await;

    let mut viewer = hub.bus.subscribe(&door(), Want::BOTH);
    let camera = "door".parse().unwrap();
    assert_eq!(edge.hear().await, HubToEdge::Want { camera, units: true, results: true });
    let mut first = edge.group(0, &[unit(10, true), unit(20, false)]).await;
    for time in [10, 20] {
        let Some(Item::Unit { unit: got, .. }) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else {
            panic!("no unit")
        };
        assert_eq!(got, unit(time, time == 10));
    }
    // A newer group ends the older one, whose late rest is not passed on and not asked for any more.
    let mut second = edge.group(1, &[unit(30, true)]).await;
    let Some(Item::Unit { unit: got, .. }) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else {
        panic!()
    };
    assert_eq!(got.time, CaptureTime(30));
    send_unit(&mut first, &unit(25, false)).await;
    assert!(tokio::time::timeout(PATIENCE, first.stopped()).await.unwrap().unwrap().is_some());
    send_unit(&mut second, &unit(40, false)).await;
    let Some(Item::Unit { unit: got, .. }) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else {
        panic!()
    };
    assert_eq!(got.time, CaptureTime(40));

    drop(viewer);
    let camera = "door".parse().unwrap();
    assert_eq!(edge.hear().await, HubToEdge::Want { camera, units: false, results: false });
}

#[tokio::test]
async fn results_come_by_datagram_and_by_stream() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let mut edge = hub.edge(&secret).await;
    edge.say(&EdgeToHub::Cameras(vec![report("door")])).await;
    let mut viewer = hub.bus.subscribe(&door(), Want::RESULTS);
    edge.hear().await;
    let result = |t| FrameResult {
        time: CaptureTime(t),
        tracks: vec![],
        analyst: Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() }),
        took: Duration::from_millis(5),
    };
    let camera = "door".parse().unwrap();
    edge.connection.send_datagram_wait(encode_result(&camera, &result(1)).unwrap()).await.unwrap();
    let Some(Item::Result(got)) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else { panic!() };
    assert_eq!(*got, result(1));
    let mut stream = edge.connection.open_uni().await.unwrap();
    stream.write_all(&[STREAM_RESULT]).await.unwrap();
    stream.write_all(&encode_result(&camera, &result(2)).unwrap()).await.unwrap();
    stream.finish().unwrap();
    let Some(Item::Result(got)) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else { panic!() };
    assert_eq!(*got, result(2));
    // An edge on a thin uplink gave one up half-way, and lost everything else with it.
    let mut stream = edge.connection.open_uni().await.unwrap();
    let half = encode_result(&camera, &result(3)).unwrap();
    stream.write_all(&[STREAM_RESULT]).await.unwrap();
    stream.write_all(&half[..half.len() / 2]).await.unwrap();
    stream.finish().unwrap();
    // The hub has read it whole, and closes nothing.
    assert_eq!(tokio::time::timeout(PATIENCE, stream.stopped()).await.unwrap().unwrap(), None);
    edge.connection.send_datagram_wait(encode_result(&camera, &result(4)).unwrap()).await.unwrap();
    let Some(Item::Result(got)) = tokio::time::timeout(PATIENCE, viewer.next()).await.unwrap() else { panic!() };
    assert_eq!(*got, result(4));
}

#[tokio::test]
async fn the_edges_clock_is_measured() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let mut edge = hub.edge(&secret).await;
    let ahead = 3_600_000_000;
    let HubToEdge::Ping { ping } = edge.next().await else { panic!("no ping") };
    edge.say(&EdgeToHub::Pong { ping, at: CaptureTime(control::now_us() + ahead) }).await;
    hub.until(|e| e.clock_offset_us.is_some_and(|us| (us - ahead).abs() < 60_000_000)).await;
}

#[tokio::test]
async fn a_wrong_secret_a_stranger_and_another_version_are_told_why_they_are_refused() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    for (hello, why) in [
        (hello("site", "wrong", VERSION), "cloud-hub join"),
        (hello("stranger", secret.expose(), VERSION), "cloud-hub join"),
        (hello("site", secret.expose(), VERSION + 1), "update the older"),
    ] {
        let mut edge = hub.say_hello(hello).await;
        let HubToEdge::Refused { reason } = edge.hear().await else { panic!("let in") };
        assert!(reason.contains(why) && !reason.contains(secret.expose().as_str()), "{reason}");
        assert_eq!(edge.closed().await, Close::Refused as u32);
    }
    assert!(hub.registry.edges().is_empty());
}

#[tokio::test]
async fn a_stranger_who_guesses_does_not_lock_out_an_edge_behind_the_same_address() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let mut told = String::new();
    while !told.contains("too many") {
        let mut stranger = hub.say_hello(hello("site", "wrong", VERSION)).await;
        let HubToEdge::Refused { reason } = stranger.hear().await else { panic!("let in") };
        told = reason;
    }
    hub.edge(&secret).await;
}

#[tokio::test]
async fn an_edge_that_comes_again_takes_its_own_place() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let older = hub.edge(&secret).await;
    let newer = hub.edge(&secret).await;
    assert_eq!(older.closed().await, Close::Replaced as u32);
    hub.until(|e| e.connected).await;
    assert!(newer.connection.close_reason().is_none());
    newer.connection.close(0u32.into(), b"bye");
    hub.until(|e| !e.connected).await;
}

#[tokio::test]
async fn garbage_ends_its_own_connection_and_nothing_else() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    // What is no QUIC at all.
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for length in [0usize, 1, 20, 1200, 1400] {
        socket.send_to(&vec![0xa5; length], hub.address).await.unwrap();
    }
    // Another protocol.
    assert!(hub.connect(b"h3").await.is_err());
    // A control stream of noise.
    let (_endpoint, connection) = hub.connect(ALPN).await.unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(&[0xff; 600]).await.unwrap();
    assert!(tokio::time::timeout(PATIENCE, connection.closed()).await.is_ok());
    // An edge that was let in and then sends noise: as a group, as a stream of no kind, as a group out of order.
    for bytes in [&[1u8, 0, 3, 0xff, 0xff, 0xff][..], &[77, 1, 2, 3]] {
        let mut edge = hub.edge(&secret).await;
        edge.say(&EdgeToHub::Cameras(vec![report("door")])).await;
        let mut stream = edge.connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.finish().unwrap();
        assert_eq!(edge.closed().await, Close::Protocol as u32);
    }
    let mut edge = hub.edge(&secret).await;
    edge.say(&EdgeToHub::Cameras(vec![report("door")])).await;
    hub.until(|e| e.connected && e.cameras.len() == 1).await;
    edge.group(0, &[unit(5, false)]).await;
    assert_eq!(edge.closed().await, Close::Protocol as u32);
    // An unreadable datagram costs itself only.
    let mut edge = hub.edge(&secret).await;
    edge.connection.send_datagram_wait(Bytes::from_static(&[0xff; 30])).await.unwrap();
    edge.say(&EdgeToHub::Cameras(vec![report("door"), report("gate")])).await;
    hub.until(|e| e.connected && e.cameras.len() == 2).await;
}

#[tokio::test]
async fn units_of_a_camera_that_was_not_reported_are_dropped() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let edge = hub.edge(&secret).await;
    let stream = edge.group(0, &[unit(5, true)]).await;
    assert!(tokio::time::timeout(PATIENCE, stream.stopped()).await.unwrap().unwrap().is_some());
    assert!(!hub.bus.knows(&door()));
    assert!(edge.connection.close_reason().is_none());
}

#[tokio::test]
async fn the_end_of_the_hub_is_said() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let edge = hub.edge(&secret).await;
    hub.token.cancel();
    assert_eq!(edge.closed().await, Close::Ending as u32);
}
