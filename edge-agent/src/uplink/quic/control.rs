//! The control stream: messages with their length in front, both ways.

use std::time::Duration;

use bytes::BytesMut;
use omma_protocol::wire::quic::{EdgeToHub, HubToEdge, decode_control, encode_control};
use quinn::{Connection, RecvStream, SendStream};
use serde::de::DeserializeOwned;

use super::QuicError;
use super::places::PRIORITY_CONTROL;

/// A hub that reads nothing for this long is taken for dead.
const SAY: Duration = Duration::from_secs(5);
const READ: usize = 64 << 10;

pub(super) struct Control {
    send: SendStream,
    receive: RecvStream,
    buffer: BytesMut,
}

impl Control {
    pub(super) async fn open(connection: &Connection) -> Result<Self, QuicError> {
        let (send, receive) = connection.open_bi().await?;
        send.set_priority(PRIORITY_CONTROL).map_err(|e| QuicError::Lost(e.to_string()))?;
        Ok(Self { send, receive, buffer: BytesMut::new() })
    }

    pub(super) async fn say(&mut self, message: &EdgeToHub) -> Result<(), QuicError> {
        let bytes = encode_control(message)?;
        match tokio::time::timeout(SAY, self.send.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(QuicError::Lost(e.to_string())),
            Err(_) => Err(QuicError::Lost("the hub does not read".to_owned())),
        }
    }

    /// The next message. May be dropped while it waits, without loss.
    pub(super) async fn hear(&mut self) -> Result<HubToEdge, QuicError> {
        hear(&mut self.receive, &mut self.buffer).await
    }
}

/// The next message of a stream that is framed as the control stream is. May be dropped while it waits, without loss: what
/// has come stays in the buffer.
pub(super) async fn hear<T: DeserializeOwned>(receive: &mut RecvStream, buffer: &mut BytesMut) -> Result<T, QuicError> {
    loop {
        if let Some(message) = decode_control(buffer)? {
            return Ok(message);
        }
        match receive.read_chunk(READ, true).await {
            Ok(Some(chunk)) => buffer.extend_from_slice(&chunk.bytes),
            Ok(None) => return Err(QuicError::Lost("the hub closed a stream".to_owned())),
            Err(e) => return Err(QuicError::Lost(e.to_string())),
        }
    }
}
