//! Edge and hub over QUIC.

use std::fmt::Debug;
use std::str::FromStr;

use bytes::BytesMut;
use hub_core::arrival::{Arrival, Content, Origin};
use hub_core::message::{self, Message};
use omma_protocol::id::{EdgeId, OutboxId};
use omma_protocol::wire::mqtt::{AckMessage, PROP_OUTBOX, PROP_SEQUENCE, Topic};
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::{self, EdgeToHub, GroupReader, HubToEdge};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The control stream of an edge or a hub, and what the hub's store has, which is framed as that is: what was parsed is written
/// as it was read.
pub fn quic_control(data: &[u8]) {
    control::<EdgeToHub>(data);
    control::<HubToEdge>(data);
    control::<AckMessage>(data);
}

fn control<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let mut buffer = BytesMut::from(data);
    while let Ok(Some(message)) = quic::decode_control::<T>(&mut buffer) {
        let again = quic::encode_control(&message).map(|bytes| BytesMut::from(&bytes[..]));
        let back = again.and_then(|mut bytes| quic::decode_control::<T>(&mut bytes));
        assert_eq!(back, Ok(Some(message)));
    }
}

/// A group of pictures: however the bytes are cut, the same units come out, and no more bytes than went in.
pub fn quic_group(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut reader = GroupReader::default();
        let mut units = Vec::new();
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next_unit() {
                    Ok(Some(unit)) => units.push(unit),
                    Ok(None) => break,
                    Err(_) => return units,
                }
            }
        }
        units
    };
    let whole = read(&mut std::iter::once(data));
    assert!(whole.iter().map(|unit| unit.data.len()).sum::<usize>() <= data.len());
    assert_eq!(read(&mut data.chunks(7)), whole);
}

/// A result: boxes stay in the picture.
pub fn quic_result(data: &[u8]) {
    if let Ok(parsed) = quic::decode_result(data) {
        for track in &parsed.result.tracks {
            assert!((0.0..=1.0).contains(&track.score) && (0.0..=1.0).contains(&track.rect.x));
        }
        // Encoding refuses only what is over the bound; what was read is under it.
        assert!(quic::encode_result(&parsed.camera, &parsed.result).is_ok());
    }
}

/// The stream of records: however the bytes are cut, the same ones come out, no more bytes than went in, and what was read
/// is written as it can be read. Each is then taken as the hub takes it.
pub fn quic_lasting(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut reader, mut records) = (RecordReader::new(quic::lasting::STREAM_LASTING), vec![]);
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next_record() {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break,
                    Err(_) => return records,
                }
            }
        }
        records
    };
    let whole = read(&mut std::iter::once(data));
    assert!(whole.iter().map(|record| record.payload.len()).sum::<usize>() <= data.len());
    assert_eq!(read(&mut data.chunks(7)), whole);
    for record in whole {
        // A head is never written longer than it came.
        let mut stream = vec![quic::lasting::STREAM_LASTING];
        stream.extend(encode_record_head(&record).into_iter().flatten());
        stream.extend_from_slice(&record.payload);
        assert_eq!(read(&mut std::iter::once(&stream[..])).first(), Some(&record));
        taken(record);
    }
}

/// As the hub takes it of an edge, which ends a connection that brings another edge's: from the edge that sent it, and of what
/// says which record it is nothing is left without an answer, since that would stand in the way of those behind it for ever.
fn taken(record: Record) {
    let Record { topic, properties, payload } = record;
    let Ok(site) = "site".parse::<EdgeId>() else { panic!("an edge's name") };
    let edge = Topic::parse(&topic).and_then(|topic| topic.edge().cloned()).unwrap_or(site);
    let read = message::read(topic.as_bytes(), payload.clone(), &properties)
        .or_else(|unreadable| message::noted_of(&edge, &payload, &properties, unreadable));
    match read {
        Ok(Message::Lasting(Arrival { origin, content })) => {
            assert_eq!(origin.map(|Origin { edge, .. }| edge), Some(edge));
            assert!(!matches!(content, Content::Unsound { reason } if reason.is_empty()));
        }
        Ok(Message::Status(whose, _)) => assert_eq!(whose, edge),
        Err(unreadable) => {
            let (outbox, sequence) =
                (named::<OutboxId>(&properties, PROP_OUTBOX), named::<u64>(&properties, PROP_SEQUENCE));
            assert!(outbox.is_none() || sequence.is_none(), "{outbox:?} {sequence:?} has no answer: {unreadable}");
        }
    }
}

fn named<T: FromStr>(properties: &[(String, String)], name: &str) -> Option<T> {
    properties.iter().find(|(key, _)| key == name)?.1.parse().ok()
}
