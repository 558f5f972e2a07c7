//! What must last, over QUIC: for a hub that has no broker.
//!
//! ```text
//! edge ── second bidirectional stream ──▶ hub   [`STREAM_LASTING`], then records
//! hub  ── the same stream ──────────────▶ edge  an `AckMessage` whenever its store has some, framed as control messages
//! ```
//!
//! A record says what an MQTT PUBLISH would: the name of a topic, user properties, a payload. So there is one meaning of
//! events and pictures (`wire::mqtt`), whichever way they take. Framed as `u32` big-endian length of the head, `u32` of
//! the payload, the head (postcard), the payload as it is. Another framing would get another first byte.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{WireError, check};

/// First byte of the stream.
pub const STREAM_LASTING: u8 = 3;
/// Longest head and payload together, in bytes: a picture and its properties.
pub const MAX_RECORD: usize = 2 * 1024 * 1024 + 64 * 1024;
/// Longest head, in bytes.
pub const MAX_RECORD_HEAD: usize = 16 * 1024;

const LENGTHS: usize = 8;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Name of a topic.
    pub topic: String,
    /// User properties, key and value.
    pub properties: Vec<(String, String)>,
    /// What an MQTT message's payload would be.
    pub payload: Bytes,
}

/// Only ever add at the end: what an older reader does not know it leaves unread.
#[derive(Serialize, Deserialize)]
struct HeadV1 {
    topic: String,
    properties: Vec<(String, String)>,
}

/// What stands before a record's payload, which is then sent as it is, uncopied.
///
/// # Errors
/// Where the record is over its bounds.
pub fn encode_record_head(record: &Record) -> Result<Bytes, WireError> {
    let head = HeadV1 { topic: record.topic.clone(), properties: record.properties.clone() };
    let head = postcard::to_stdvec(&head).map_err(|_| WireError::Malformed("record"))?;
    check("record's head", head.len(), MAX_RECORD_HEAD)?;
    check("record", head.len().saturating_add(record.payload.len()), MAX_RECORD)?;
    let mut out = BytesMut::with_capacity(LENGTHS + head.len());
    out.put_u32(head.len() as u32);
    out.put_u32(record.payload.len() as u32);
    out.put_slice(&head);
    Ok(out.freeze())
}

/// Reads a stream of records: bytes in, records out.
#[derive(Debug)]
pub struct RecordReader {
    buffer: BytesMut,
    /// The first byte, until it has been read.
    kind: Option<u8>,
}

impl RecordReader {
    /// Of a stream that begins with `kind`.
    pub fn new(kind: u8) -> Self {
        Self { buffer: BytesMut::new(), kind: Some(kind) }
    }

    /// Takes what came from the network, beginning with the stream's first byte.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole record, or nothing where more bytes are needed.
    ///
    /// # Errors
    /// Where the bytes hold none. Nothing after them can be read.
    pub fn next_record(&mut self) -> Result<Option<Record>, WireError> {
        if let Some(kind) = self.kind {
            match self.buffer.first() {
                None => return Ok(None),
                Some(first) if *first == kind => self.buffer.advance(1),
                Some(_) => return Err(WireError::Malformed("stream of records")),
            }
            self.kind = None;
        }
        let Some(lengths) = self.buffer.first_chunk::<LENGTHS>() else { return Ok(None) };
        let mut lengths = &lengths[..];
        let (head, payload) = (lengths.get_u32() as usize, lengths.get_u32() as usize);
        check("record's head", head, MAX_RECORD_HEAD)?;
        check("record", head.saturating_add(payload), MAX_RECORD)?;
        let whole = LENGTHS + head + payload;
        if self.buffer.len() < whole {
            // One growth to the size needed instead of many small ones.
            self.buffer.reserve(whole - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(LENGTHS);
        let head = self.buffer.split_to(head);
        let HeadV1 { topic, properties } =
            postcard::from_bytes(&head).map_err(|_| WireError::Malformed("record's head"))?;
        Ok(Some(Record { topic, properties, payload: self.buffer.split_to(payload).freeze() }))
    }

    /// Whether all that came was whole records.
    pub fn is_at_boundary(&self) -> bool {
        self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> impl Strategy<Value = Record> {
        let properties = prop::collection::vec((".{0,12}", ".{0,40}"), 0..5);
        (".{0,80}", properties, prop::collection::vec(any::<u8>(), 0..3000))
            .prop_map(|(topic, properties, payload)| Record { topic, properties, payload: payload.into() })
    }

    fn stream(records: &[Record]) -> Vec<u8> {
        let mut bytes = vec![STREAM_LASTING];
        for record in records {
            bytes.extend(encode_record_head(record).unwrap());
            bytes.extend(&record.payload);
        }
        bytes
    }

    proptest! {
        #[test]
        fn records_read_back_however_they_are_cut(records in prop::collection::vec(record(), 0..6), step in 1usize..900) {
            let (mut reader, mut got) = (RecordReader::new(STREAM_LASTING), vec![]);
            for piece in stream(&records).chunks(step) {
                reader.push(piece);
                while let Some(record) = reader.next_record().unwrap() {
                    got.push(record);
                }
            }
            prop_assert_eq!(got, records);
            prop_assert!(reader.is_at_boundary());
        }

        #[test]
        fn garbage_is_an_error_or_nothing_but_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = RecordReader::new(STREAM_LASTING);
            reader.push(&[STREAM_LASTING, 0, 0]);
            reader.push(&bytes);
            while let Ok(Some(_)) = reader.next_record() {}
        }
    }

    #[test]
    fn what_is_over_a_bound_is_refused_before_memory_is_taken() {
        let over = MAX_RECORD as u32 + 1;
        for (head, payload) in [(MAX_RECORD_HEAD as u32 + 1, 0), (0, over), (1, over - 1), (u32::MAX, u32::MAX)] {
            let mut reader = RecordReader::new(STREAM_LASTING);
            reader.push(&[&[STREAM_LASTING][..], &head.to_be_bytes(), &payload.to_be_bytes()].concat());
            assert!(matches!(reader.next_record(), Err(WireError::TooLong { .. })), "{head} {payload}");
        }
        let large = Record { topic: String::new(), properties: vec![], payload: vec![0; MAX_RECORD].into() };
        assert!(matches!(encode_record_head(&large), Err(WireError::TooLong { .. })));
        let wordy = Record { topic: "x".repeat(MAX_RECORD_HEAD), properties: vec![], payload: Bytes::new() };
        assert!(matches!(encode_record_head(&wordy), Err(WireError::TooLong { .. })));
    }

    #[test]
    fn a_stream_of_another_kind_is_refused() {
        let mut reader = RecordReader::new(STREAM_LASTING);
        assert_eq!(reader.next_record(), Ok(None));
        reader.push(&[STREAM_LASTING + 1]);
        assert!(reader.next_record().is_err());
    }
}
