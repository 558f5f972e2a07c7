//! A broker of a few lines, which does what a real one rarely does when asked to.

use omma_runtime::health::Health;
use rumqttc::v5::{AsyncClient, MqttOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Long enough for the slowest machine: reached only where a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

// First bytes of packets (MQTT 5.0 §2.1.2, §2.1.3).
const CONNECT: u8 = 0x10;
const SUBSCRIBE: u8 = 0x82;

const GRANTED: u8 = 1;
const NOT_AUTHORIZED: u8 = 0x87;

struct Broker {
    listener: TcpListener,
    client: AsyncClient,
    waiting: mpsc::Receiver<Received>,
    health: Health,
    registry: Registry,
}

impl Broker {
    /// A broker and a hub that is about to connect, with `gathered` requests in its queue of as many places and room
    /// for `room` messages.
    async fn start(gathered: usize, room: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = MqttOptions::new("hub", "127.0.0.1", listener.local_addr().unwrap().port());
        options.set_clean_start(false).set_manual_acks(true);
        let (client, events) = AsyncClient::new(options, gathered.max(1));
        for _ in 0..gathered {
            client.try_publish("omma/v1/edges/site/acks", QoS::AtLeastOnce, false, "{}").unwrap();
        }
        let (received, waiting) = mpsc::channel(room);
        let health = Health::new();
        let registry = Registry::default();
        let poll = Poll::new(received, Arc::default(), registry.clone(), health.part("broker"));
        tokio::spawn(poll.run(events));
        Self { listener, client, waiting, health, registry }
    }

    /// Lets the hub in and reads what it says first.
    async fn accept(&self) -> (Connection, u8, Vec<u8>) {
        let (socket, _) = tokio::time::timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        let mut connection = Connection(socket);
        assert_eq!(connection.read().await.unwrap().0, CONNECT);
        // The session is there, and all is well.
        connection.0.write_all(&[0x20, 3, 1, 0, 0]).await.unwrap();
        let (kind, body) = connection.read().await.unwrap();
        (connection, kind, body)
    }

    async fn until_said(&self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !format!("{:?}", self.health.readiness()).contains(part) {
            assert!(Instant::now() < deadline, "no `{part}` in {:?}", self.health.readiness());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Connection(TcpStream);

impl Connection {
    /// The next packet's first byte and what follows its length; `None` where the hub has gone.
    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = async {
            let kind = self.0.read_u8().await.ok()?;
            let (mut length, mut shift) = (0usize, 0);
            loop {
                let byte = self.0.read_u8().await.ok()?;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0u8; length];
            self.0.read_exact(&mut body).await.ok()?;
            Some((kind, body))
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }

    /// Answers the subscription whose packet had this body.
    async fn answer(&mut self, subscribe: &[u8], codes: [u8; 3]) {
        let packet = [&[0x90, 6, subscribe[0], subscribe[1], 0][..], &codes].concat();
        self.0.write_all(&packet).await.unwrap();
    }

    /// A message of quality 1 with this number.
    async fn publish(&mut self, number: u8) {
        self.0.write_all(&[0x32, 7, 0, 1, b't', 0, number, 0, b'x']).await.unwrap();
    }
}

#[tokio::test]
async fn a_hub_whose_queue_filled_while_the_broker_was_away_hears_edges_again() {
    let broker = Broker::start(3, 8).await;
    assert!(broker.client.try_publish("omma/v1/edges/site/acks", QoS::AtLeastOnce, false, "{}").is_err());
    let (mut connection, first, body) = broker.accept().await;
    assert_eq!(first, SUBSCRIBE);
    connection.answer(&body, [GRANTED; 3]).await;
    broker.until_said("ready: true").await;
}

#[tokio::test]
async fn a_broker_that_refuses_one_subscription_is_not_called_reached() {
    let broker = Broker::start(0, 8).await;
    let (mut connection, first, body) = broker.accept().await;
    assert_eq!(first, SUBSCRIBE);
    connection.answer(&body, [GRANTED, NOT_AUTHORIZED, GRANTED]).await;
    broker.until_said("access rules").await;
    assert!(!broker.health.readiness().ready);
}

#[tokio::test]
async fn what_found_no_room_is_asked_for_again_by_a_new_connection() {
    let mut broker = Broker::start(0, 1).await;
    let (mut connection, _, body) = broker.accept().await;
    connection.answer(&body, [GRANTED; 3]).await;
    connection.publish(1).await;
    connection.publish(2).await;
    let (mut again, first, _) = broker.accept().await;
    assert_eq!(first, SUBSCRIBE);
    let kept = broker.waiting.recv().await.unwrap();
    assert_eq!((kept.publish.pkid, kept.connection), (1, 1));
    again.publish(2).await;
    let kept = broker.waiting.recv().await.unwrap();
    assert_eq!((kept.publish.pkid, kept.connection), (2, 2));
}

#[tokio::test]
async fn the_wheel_stops_when_the_goodbye_is_said() {
    let broker = Broker::start(0, 8).await;
    let (mut connection, _, _) = broker.accept().await;
    broker.client.publish("omma/v1/edges/site/acks", QoS::AtLeastOnce, false, "{}").await.unwrap();
    broker.client.disconnect().await.unwrap();
    let mut kinds = vec![];
    while let Some((kind, _)) = connection.read().await {
        kinds.push(kind);
    }
    assert_eq!(kinds, [0x32, 0xe0]);
}

#[tokio::test]
async fn an_edge_is_not_online_for_ever_after_its_broker_forgot_it() {
    let broker = Broker::start(0, 8).await;
    let [over_mqtt, over_quic] = ["site-1", "site-2"].map(|edge| edge.parse().unwrap());
    broker.registry.update(&over_mqtt, |edge| edge.status = true);
    broker.registry.update(&over_quic, |edge| (edge.status, edge.connected) = (true, true));
    // It comes back without what it had retained, and says nothing of either.
    let (_connection, kind, _) = broker.accept().await;
    assert_eq!(kind & 0xf0, SUBSCRIBE & 0xf0);
    let edges = broker.registry.edges();
    assert_eq!((edges[&over_mqtt].online(), edges[&over_quic].online()), (false, true));
}
