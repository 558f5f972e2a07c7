//! Records, to a hub without a broker.

use omma_protocol::event::{Lasting, Phase};
use omma_protocol::wire::mqtt::{AckMessage, EventMessage, PROP_SEQUENCE, ranges};
use omma_protocol::wire::quic::lasting::{MAX_RECORD, RecordReader, STREAM_LASTING};
use omma_runtime::health::Health;

use super::*;
use crate::outbox::record::tests::{event, picture};
use crate::uplink::quic::lasting::Lasting as Records;

/// Long enough for what must not happen to have happened.
const WHILE: Duration = Duration::from_millis(1500);

fn outbox(folder: &std::path::Path) -> Outbox {
    crate::outbox::open(folder, 1 << 30, Health::new().part("outbox")).unwrap()
}

async fn put(outbox: &Outbox, things: Vec<Lasting>) {
    let outbox = outbox.clone();
    tokio::task::spawn_blocking(move || outbox.put_blocking(things)).await.unwrap().unwrap();
}

async fn put_events(outbox: &Outbox, ids: std::ops::Range<u128>) {
    put(outbox, ids.map(|id| Lasting::Event(event(id, Phase::Closed, 1))).collect()).await;
}

async fn waiting(outbox: &Outbox, count: u64) {
    let mut state = outbox.state();
    tokio::time::timeout(LONG, state.wait_for(|state| state.waiting == count))
        .await
        .unwrap_or_else(|_| panic!("never {count} waiting"))
        .unwrap();
}

fn start(join: &JoinToken, outbox: &Outbox) -> (LinkState, CancellationToken, tokio::task::JoinHandle<()>) {
    start_with(join, outbox, |records| records)
}

fn start_with(
    join: &JoinToken,
    outbox: &Outbox,
    change: impl FnOnce(Records) -> Records,
) -> (LinkState, CancellationToken, tokio::task::JoinHandle<()>) {
    let (results, state, token) =
        (tokio::sync::broadcast::channel(1).0, LinkState::new("quic"), CancellationToken::new());
    let reports = Reports::new([]);
    let uplink = QuicUplink::new(join.clone(), Feeds::default(), results, reports, EdgeClock::start(), state.clone());
    let mut uplink = uplink.carrying(outbox.clone(), 1_000_000);
    uplink.lasting = uplink.lasting.take().map(change);
    (state, token.clone(), tokio::spawn(uplink.run(token)))
}

/// The hub's end of the stream.
struct Store {
    peer: Peer,
    send: SendStream,
    receive: RecvStream,
    reader: RecordReader,
}

impl Store {
    async fn accept(hub: &Hub) -> Self {
        let peer = hub.accept(HubToEdge::Welcome).await;
        let (send, receive) = tokio::time::timeout(LONG, peer.connection.accept_bi()).await.unwrap().unwrap();
        Self { peer, send, receive, reader: RecordReader::new(STREAM_LASTING) }
    }

    /// The number of the next record.
    async fn hear(&mut self) -> u64 {
        loop {
            if let Some(record) = self.reader.next_record().unwrap() {
                assert!(record.topic.starts_with("omma/v1/edges/site-1/cameras/door/"), "{record:?}");
                return match serde_json::from_slice::<EventMessage>(&record.payload) {
                    Ok(event) => event.stamp().unwrap().sequence,
                    Err(_) => {
                        let number = record.properties.iter().find(|(key, _)| key == PROP_SEQUENCE).unwrap();
                        number.1.parse().unwrap()
                    }
                };
            }
            let chunk = self.receive.read_chunk(65_536, true).await.unwrap().expect("the edge closed the stream");
            self.reader.push(&chunk.bytes);
        }
    }

    async fn hears(&mut self, expected: impl IntoIterator<Item = u64>) {
        for sequence in expected {
            assert_eq!(tokio::time::timeout(LONG, self.hear()).await.unwrap(), sequence);
        }
    }

    async fn hears_nothing(&mut self) {
        let heard = tokio::time::timeout(WHILE, self.hear()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    async fn acknowledge(&mut self, outbox: &Outbox, sequences: impl IntoIterator<Item = u64>) {
        let ack = AckMessage { outbox: outbox.id(), stored: ranges(sequences.into_iter().collect()) };
        self.send.write_all(&encode_control(&ack).unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_leave_the_outbox_when_the_hub_has_stored_them_and_not_before() {
    let (hub, folder) = (Hub::start(TransportConfig::default()), tempfile::tempdir().unwrap());
    let outbox = outbox(folder.path());
    let (_state, token, running) = start(&hub.join, &outbox);
    let mut store = Store::accept(&hub).await;
    put(&outbox, vec![picture(1, 20_000)]).await;
    put_events(&outbox, 1..51).await;
    // The first state alone, and once: an answer can't be lost. No picture overtakes a state.
    store.hears([2]).await;
    store.hears_nothing().await;
    // For another outbox.
    let ack = AckMessage { outbox: omma_protocol::id::OutboxId(uuid::Uuid::from_u128(1)), stored: vec![[1, 51]] };
    store.send.write_all(&encode_control(&ack).unwrap()).await.unwrap();
    store.hears_nothing().await;
    assert_eq!(outbox.state().borrow().waiting, 51);

    store.acknowledge(&outbox, [2]).await;
    store.hears(3..=34).await;
    store.hears_nothing().await;
    store.acknowledge(&outbox, 3..=34).await;
    store.hears(35..=51).await;
    store.hears([1]).await;
    store.acknowledge(&outbox, [1]).await;
    store.acknowledge(&outbox, 35..=51).await;
    waiting(&outbox, 0).await;
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again_over_the_next_connection_and_in_order() {
    let (hub, folder) = (Hub::start(TransportConfig::default()), tempfile::tempdir().unwrap());
    let outbox = outbox(folder.path());
    put_events(&outbox, 1..11).await;
    put(&outbox, vec![picture(1, 20_000)]).await;
    let (state, token, running) = start(&hub.join, &outbox);
    let mut store = Store::accept(&hub).await;
    store.hears([1]).await;
    store.acknowledge(&outbox, [1]).await;
    store.hears(2..=5).await;
    // Stored, and told to an edge that does not hear it any more.
    store.peer.connection.close(NO_FAULT, b"killed");
    let mut store = Store::accept(&hub).await;
    store.hears([2]).await;
    store.hears_nothing().await;
    store.acknowledge(&outbox, [2]).await;
    store.hears(3..=11).await;
    store.acknowledge(&outbox, 3..=11).await;
    waiting(&outbox, 0).await;
    assert_eq!(state.now(), crate::state::link::Link::Up);

    // An acknowledgement that can't be read ends the connection, and nothing is forgotten.
    put_events(&outbox, 20..21).await;
    store.hears([12]).await;
    store.send.write_all(&[0, 0, 0, 1, 0xff]).await.unwrap();
    let mut store = Store::accept(&hub).await;
    store.hears([12]).await;
    store.acknowledge(&outbox, [12]).await;
    waiting(&outbox, 0).await;
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_hub_takes_holds_up_no_other() {
    let (hub, folder) = (Hub::start(TransportConfig::default()), tempfile::tempdir().unwrap());
    let outbox = outbox(folder.path());
    put(&outbox, vec![picture(1, MAX_RECORD), picture(2, 1000)]).await;
    let (_state, token, running) = start(&hub.join, &outbox);
    let mut store = Store::accept(&hub).await;
    store.hears([2]).await;
    store.acknowledge(&outbox, [2]).await;
    waiting(&outbox, 0).await;
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_takes_no_records_is_named() {
    let mut older = TransportConfig::default();
    older.max_concurrent_bidi_streams(1u32.into());
    let (hub, folder) = (Hub::start(older), tempfile::tempdir().unwrap());
    let outbox = outbox(folder.path());
    let (state, token, running) = start(&hub.join, &outbox);
    let peer = hub.accept(HubToEdge::Welcome).await;
    let reason = tokio::time::timeout(LONG, peer.connection.closed()).await;
    assert!(reason.is_ok(), "it goes on as if its events were taken");
    let is_down = |link: &crate::state::link::Link| matches!(link, crate::state::link::Link::Down { reason } if reason.contains("no events over QUIC"));
    tokio::time::timeout(LONG, state.watch().wait_for(is_down)).await.unwrap().unwrap();
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_store_never_answers_is_left_named_and_tried_again() {
    let (hub, folder) = (Hub::start(TransportConfig::default()), tempfile::tempdir().unwrap());
    let outbox = outbox(folder.path());
    let (state, token, running) = start_with(&hub.join, &outbox, |records| records.silent(WHILE));
    let mut store = Store::accept(&hub).await;
    // With nothing to answer it stays.
    tokio::time::sleep(WHILE * 2).await;
    assert!(store.peer.connection.close_reason().is_none());
    put_events(&outbox, 1..3).await;
    store.hears([1]).await;
    let is_down = |link: &crate::state::link::Link| matches!(link, crate::state::link::Link::Down { reason } if reason.contains("store does not answer"));
    tokio::time::timeout(LONG, state.watch().wait_for(is_down)).await.expect("it waits in silence").unwrap();
    let mut store = Store::accept(&hub).await;
    store.hears([1]).await;
    store.acknowledge(&outbox, [1]).await;
    store.hears([2]).await;
    store.acknowledge(&outbox, [2]).await;
    waiting(&outbox, 0).await;
    token.cancel();
    running.await.unwrap();
}
