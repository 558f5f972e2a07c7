//! Records on the second stream.

use std::collections::BTreeSet;

use omma_protocol::wire::mqtt::{AckMessage, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME};
use omma_protocol::wire::quic::lasting::{Record, STREAM_LASTING, encode_record_head};

use super::*;
use crate::ingest::quic::lasting::HELD;
use crate::store::{Filter, View};

const OUTBOX: &str = "00000000-0000-0000-0000-000000000001";
/// Long enough for what must not happen to have happened.
const WHILE: Duration = Duration::from_millis(500);

fn event(edge: &str, sequence: u64) -> Record {
    let payload = format!(
        r#"{{"outbox":"{OUTBOX}","sequence":{sequence},"id":"00000000-0000-7000-8000-{sequence:012}",
           "stream":"{edge}.door","phase":"opened","revision":1,"label":"person","track":1,"score":0.5,
           "box":[0.1,0.1,0.2,0.2],"opened_us":10,"best_us":10,"place":"edge","engine":"tract","model":"m"}}"#
    );
    Record { topic: format!("omma/v1/edges/{edge}/cameras/door/events"), properties: vec![], payload: payload.into() }
}

/// A picture of that event, of so many bytes.
fn picture(event: u64, sequence: u64, bytes: usize) -> Record {
    let properties = [
        (PROP_OUTBOX, OUTBOX.to_owned()),
        (PROP_SEQUENCE, sequence.to_string()),
        (PROP_REVISION, "1".to_owned()),
        (PROP_TIME, "99".to_owned()),
    ];
    let mut jpeg = vec![0; bytes];
    jpeg[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    jpeg[bytes - 2..].copy_from_slice(&[0xff, 0xd9]);
    Record {
        topic: format!("omma/v1/edges/site/cameras/door/pictures/00000000-0000-7000-8000-{event:012}"),
        properties: properties.map(|(key, value)| (key.to_owned(), value)).into(),
        payload: jpeg.into(),
    }
}

struct Lasting {
    send: SendStream,
    recv: RecvStream,
    buffer: BytesMut,
}

impl Lasting {
    async fn open(edge: &Edge) -> Self {
        let (mut send, recv) = edge.connection.open_bi().await.unwrap();
        send.write_all(&[STREAM_LASTING]).await.unwrap();
        Self { send, recv, buffer: BytesMut::new() }
    }

    async fn say(&mut self, record: &Record) {
        self.send.write_all(&encode_record_head(record).unwrap()).await.unwrap();
        self.send.write_all(&record.payload).await.unwrap();
    }

    /// Waits until exactly these are acknowledged.
    async fn acknowledged(&mut self, expected: impl IntoIterator<Item = u64>) {
        let expected: BTreeSet<u64> = expected.into_iter().collect();
        let mut got = BTreeSet::new();
        while got.len() < expected.len() {
            let ack = tokio::time::timeout(PATIENCE, self.hear()).await.unwrap_or_else(|_| panic!("only {got:?}"));
            assert_eq!(ack.outbox.to_string(), OUTBOX);
            got.extend(ack.stored.iter().flat_map(|[first, last]| *first..=*last));
        }
        assert_eq!(got, expected);
    }

    async fn hear(&mut self) -> AckMessage {
        loop {
            if let Some(ack) = decode_control(&mut self.buffer).unwrap() {
                return ack;
            }
            let chunk = self.recv.read_chunk(4096, true).await.unwrap().expect("the stream ended");
            self.buffer.extend_from_slice(&chunk.bytes);
        }
    }

    async fn is_not_answered(&mut self) {
        assert!(tokio::time::timeout(WHILE, self.hear()).await.is_err(), "acknowledged though it is not stored");
    }
}

async fn joined(hub: &Hub) -> Edge {
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    hub.edge(&secret).await
}

async fn stored(hub: &Hub) -> usize {
    hub.store.events(&Filter { limit: 1000, ..Filter::default() }).await.unwrap().len()
}

#[tokio::test]
async fn events_and_pictures_are_stored_once_and_each_copy_is_acknowledged() {
    let hub = hub().await;
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    for sequence in 1..=100 {
        lasting.say(&event("site", sequence)).await;
    }
    lasting.say(&picture(7, 101, 50_000)).await;
    lasting.acknowledged(1..=101).await;
    assert_eq!(stored(&hub).await, 100);
    let id = "00000000-0000-7000-8000-000000000007".parse().unwrap();
    assert_eq!(
        hub.store.picture(id, View::Whole).await.unwrap().map(|(revision, jpeg)| (revision, jpeg.len())),
        Some((1, 50_000))
    );

    // Over the next connection, and over a second stream of it.
    edge.connection.close(0u32.into(), b"bye");
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    lasting.say(&event("site", 100)).await;
    lasting.say(&picture(7, 101, 50_000)).await;
    lasting.acknowledged(100..=101).await;
    lasting.send.finish().unwrap();
    assert!(tokio::time::timeout(PATIENCE, lasting.recv.read_chunk(1, true)).await.unwrap().unwrap().is_none());
    let mut lasting = Lasting::open(&edge).await;
    lasting.say(&event("site", 102)).await;
    lasting.acknowledged([102]).await;
    assert_eq!(stored(&hub).await, 101);
}

#[tokio::test]
async fn a_picture_that_cannot_be_written_is_acknowledged_when_it_can_and_events_meanwhile() {
    let hub = hub().await;
    let in_the_way = hub.folder.path().join("pictures/site");
    std::fs::write(&in_the_way, "").unwrap();
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    lasting.say(&picture(2, 1, 50_000)).await;
    lasting.say(&event("site", 2)).await;
    lasting.acknowledged([2]).await;
    lasting.is_not_answered().await;
    std::fs::remove_file(&in_the_way).unwrap();
    lasting.acknowledged([1]).await;
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_store_fails_and_no_more_is_taken_than_there_is_room_for() {
    let hub = hub().await;
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    // A file where the edge's pictures would be.
    let in_the_way = hub.folder.path().join("pictures/site");
    std::fs::write(&in_the_way, "").unwrap();
    const BYTES: usize = 1 << 20;
    let count = 3 * (HELD / BYTES) as u64;
    lasting.say(&picture(1, 1, BYTES)).await;
    lasting.is_not_answered().await;
    {
        let sent = async {
            for sequence in 2..=count {
                lasting.say(&picture(sequence, sequence, BYTES)).await;
            }
        };
        tokio::pin!(sent);
        assert!(tokio::time::timeout(WHILE * 4, &mut sent).await.is_err(), "{count} pictures were taken");
        std::fs::remove_file(&in_the_way).unwrap();
        tokio::time::timeout(PATIENCE, sent).await.unwrap();
    }
    lasting.acknowledged(1..=count).await;
}

#[tokio::test]
async fn a_record_of_another_edge_ends_the_connection_and_is_not_kept() {
    let hub = hub().await;
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    lasting.say(&event("other", 1)).await;
    assert_eq!(edge.closed().await, Close::Protocol as u32);
    assert_eq!(stored(&hub).await, 0);
}

#[tokio::test]
async fn what_is_not_understood_is_acknowledged_where_it_names_its_place_and_not_where_it_names_none() {
    let hub = hub().await;
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    let Record { topic, payload, .. } = event("site", 1);
    let newer = String::from_utf8(payload.to_vec()).unwrap().replace("opened\"", "paused\"");
    lasting.say(&Record { topic: topic.clone(), properties: vec![], payload: newer.into() }).await;
    lasting.acknowledged([1]).await;
    // Of a kind that this version does not know: unacknowledged it would stand before all others for ever.
    let songs = "omma/v1/edges/site/songs";
    let placed = format!(r#"{{"outbox":"{OUTBOX}","sequence":3,"song":"la"}}"#);
    lasting.say(&Record { topic: songs.to_owned(), properties: vec![], payload: placed.into() }).await;
    let Record { properties, .. } = picture(1, 4, 100);
    lasting.say(&Record { topic: songs.to_owned(), properties, payload: "la".into() }).await;
    lasting.acknowledged([3, 4]).await;
    for (topic, payload) in [
        (topic.as_str(), "{"),
        ("omma/v1/edges/site/status", r#"{"online":true,"agent":"x"}"#),
        ("omma/v1/edges/site/songs", "la"),
        ("", ""),
    ] {
        let record = Record { topic: topic.to_owned(), properties: vec![], payload: payload.to_owned().into() };
        lasting.say(&record).await;
    }
    lasting.say(&event("site", 2)).await;
    lasting.acknowledged([2]).await;
    assert_eq!(stored(&hub).await, 1);
}

#[tokio::test]
async fn noise_on_the_stream_of_records_ends_its_connection() {
    let hub = hub().await;
    let too_long = [&[STREAM_LASTING][..], &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]].concat();
    for bytes in [&[STREAM_LASTING + 1, 0, 0][..], &too_long, &[STREAM_LASTING, 0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff]] {
        let edge = joined(&hub).await;
        let (mut send, _recv) = edge.connection.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        assert_eq!(edge.closed().await, Close::Protocol as u32, "{bytes:?}");
    }
    // A record that is cut short.
    let edge = joined(&hub).await;
    let mut lasting = Lasting::open(&edge).await;
    lasting.send.write_all(&encode_record_head(&event("site", 1)).unwrap()).await.unwrap();
    lasting.send.finish().unwrap();
    assert_eq!(edge.closed().await, Close::Protocol as u32);
    assert_eq!(stored(&hub).await, 0);
}
