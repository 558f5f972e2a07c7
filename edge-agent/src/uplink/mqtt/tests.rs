//! Against Mosquitto, with a hub of a few lines that acknowledges what it has seen.

mod without_hub;

use std::collections::BTreeSet;
use std::time::Duration;

use omma_protocol::event::{Lasting, Phase};
use omma_protocol::id::OutboxId;
use omma_protocol::wire::mqtt::{EventMessage, PROP_SEQUENCE, StatusMessage, Topic, ranges};
use omma_runtime::health::Health;
use omma_testkit::stack::broker::Mosquitto;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::mpsc;

use super::*;
use crate::outbox::record::tests::{event, picture};

const LONG: Duration = Duration::from_secs(60);

fn edge() -> EdgeId {
    "site-1".parse().unwrap()
}

fn broker(port: u16) -> Broker {
    Broker::External(format!("mqtt://127.0.0.1:{port}").parse().unwrap())
}

/// Nobody says anything beside the outbox.
fn silent() -> Notices {
    Notices::new(edge(), false, None).0
}

fn outbox(folder: &std::path::Path) -> Outbox {
    crate::outbox::open(folder, 1 << 30, Health::new().part("outbox")).unwrap()
}

async fn put(outbox: &Outbox, things: Vec<Lasting>) {
    let outbox = outbox.clone();
    tokio::task::spawn_blocking(move || outbox.put_blocking(things)).await.unwrap().unwrap();
}

fn start(port: u16, outbox: &Outbox) -> (CancellationToken, tokio::task::JoinHandle<Result<(), UplinkError>>) {
    let token = CancellationToken::new();
    let uplink = MqttUplink::new(
        edge(),
        broker(port),
        outbox.clone(),
        1_000_000,
        silent(),
        EdgeClock::start(),
        LinkState::new("mqtt"),
    );
    (token.clone(), tokio::spawn(uplink.run(token)))
}

/// What a hub hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Status(bool),
    Record(u64),
}

/// Hears everything of the edge; acknowledges records while told to.
fn hub(port: u16, acknowledge: tokio::sync::watch::Receiver<Option<OutboxId>>) -> mpsc::UnboundedReceiver<Heard> {
    let (tell, heard) = mpsc::unbounded_channel();
    let mut options = MqttOptions::new("test-hub", "127.0.0.1", port);
    options.set_clean_start(false).set_session_expiry_interval(Some(600)).set_max_packet_size(Some(1 << 20));
    let (client, mut events) = AsyncClient::new(options, 1000);
    tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for filter in Topic::hub_filters() {
                        client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let topic = Topic::parse(std::str::from_utf8(&publish.topic).unwrap()).unwrap();
                    let sequence = match topic {
                        Topic::Status(_) => {
                            let status: StatusMessage = serde_json::from_slice(&publish.payload).unwrap();
                            tell.send(Heard::Status(status.online)).unwrap_or_default();
                            continue;
                        }
                        Topic::Events(..) => {
                            serde_json::from_slice::<EventMessage>(&publish.payload).unwrap().stamp().unwrap().sequence
                        }
                        _ => {
                            let properties = publish.properties.unwrap().user_properties;
                            properties.iter().find(|(key, _)| key == PROP_SEQUENCE).unwrap().1.parse().unwrap()
                        }
                    };
                    let outbox = *acknowledge.borrow();
                    if let Some(outbox) = outbox {
                        let ack = AckMessage { outbox, stored: ranges(vec![sequence]) };
                        let topic = Topic::Acks(edge()).to_string();
                        client.try_publish(topic, QoS::AtLeastOnce, false, serde_json::to_vec(&ack).unwrap()).unwrap();
                    }
                    if tell.send(Heard::Record(sequence)).is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    heard
}

async fn hears(heard: &mut mpsc::UnboundedReceiver<Heard>, expected: Heard) {
    tokio::time::timeout(LONG, async { while heard.recv().await.unwrap() != expected {} })
        .await
        .unwrap_or_else(|_| panic!("never heard {expected:?}"));
}

async fn waiting(outbox: &Outbox, count: u64) {
    let mut state = outbox.state();
    tokio::time::timeout(LONG, state.wait_for(|state| state.waiting == count))
        .await
        .unwrap_or_else(|_| panic!("never {count} waiting"))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_leave_the_outbox_when_the_hub_has_stored_them_and_not_before() {
    let (folder, broker_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mosquitto = Mosquitto::start(broker_folder.path());
    let outbox = outbox(folder.path());
    let (acknowledge, acknowledging) = tokio::sync::watch::channel(None);
    let mut heard = hub(mosquitto.port, acknowledging);
    let (token, running) = start(mosquitto.port, &outbox);
    hears(&mut heard, Heard::Status(true)).await;

    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 20_000)]).await;
    // The first one alone, again and again, until the store has answered.
    hears(&mut heard, Heard::Record(1)).await;
    hears(&mut heard, Heard::Record(1)).await;
    assert_eq!(outbox.state().borrow().waiting, 2, "the broker's confirmation is no acknowledgement");

    // An acknowledgement for another outbox is not for us.
    acknowledge.send_replace(Some(OutboxId(uuid::Uuid::from_u128(1))));
    put(&outbox, vec![Lasting::Event(event(1, Phase::Closed, 2))]).await;
    hears(&mut heard, Heard::Record(1)).await;
    assert_eq!(outbox.state().borrow().waiting, 3);

    // The hub's store lives: everything is sent and acknowledged.
    acknowledge.send_replace(Some(outbox.id()));
    hears(&mut heard, Heard::Record(3)).await;
    waiting(&outbox, 0).await;

    token.cancel();
    running.await.unwrap().unwrap();
    hears(&mut heard, Heard::Status(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_killed_again_and_again_loses_nothing_and_keeps_the_order() {
    const RECORDS: u64 = 400;
    let (folder, broker_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut mosquitto = Mosquitto::start(broker_folder.path());
    let outbox = outbox(folder.path());
    let (_acknowledge, acknowledging) = tokio::sync::watch::channel(Some(outbox.id()));
    let mut heard = hub(mosquitto.port, acknowledging);
    let (token, running) = start(mosquitto.port, &outbox);

    let mut first_arrivals = vec![];
    let mut known = BTreeSet::new();
    for n in 0..RECORDS {
        put(&outbox, vec![Lasting::Event(event(u128::from(n), Phase::Closed, 1))]).await;
        if n % 100 == 50 {
            mosquitto.program.kill9();
            mosquitto.program.restart();
            mosquitto.wait();
        }
    }
    tokio::time::timeout(LONG, async {
        while known.len() < RECORDS as usize {
            if let Heard::Record(sequence) = heard.recv().await.unwrap()
                && known.insert(sequence)
            {
                first_arrivals.push(sequence);
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} of {RECORDS} arrived", known.len()));
    waiting(&outbox, 0).await;
    assert!(first_arrivals.is_sorted(), "{first_arrivals:?}");
    token.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_a_broker_is_survived_and_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        for garbage in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0x20, 0xff, 0xff, 0xff, 0xff], &[0xff; 999], &[]] {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(garbage).unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let outbox = outbox(folder.path());
    let state = LinkState::new("mqtt");
    let uplink = MqttUplink::new(edge(), broker(port), outbox, 1_000_000, silent(), EdgeClock::start(), state.clone());
    let token = CancellationToken::new();
    let running = tokio::spawn(uplink.run(token.clone()));
    tokio::time::timeout(LONG, serving).await.expect("it stopped trying").unwrap();
    assert!(matches!(state.now(), crate::state::link::Link::Down { .. }));
    assert!(!running.is_finished());
    token.cancel();
    running.await.unwrap().unwrap();
}
