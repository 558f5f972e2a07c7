//! Where in an RTSP connection its messages and packets are (RFC 2326 §4, §10.12).
//!
//! Lines may end in CR LF or LF. From the first byte on that begins neither, everything is [`Piece::Through`]: the
//! library finds the same fault and names it.
//!
//! Invariant: the pieces one after the other are what was pushed, however that was cut.

use bytes::{Bytes, BytesMut};

use super::head::Head;

/// Longest head that is looked at, bytes. One that is longer is not understood.
pub const MAX_HEAD: usize = 16 << 10;
/// Longest body that is, bytes.
pub const MAX_BODY: usize = 256 << 10;
/// Marker, channel and length of an interleaved packet.
pub const PACKET_HEAD: usize = 4;

/// A part of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// An interleaved packet with its [`PACKET_HEAD`].
    Packet(BytesMut),
    /// A request or an answer.
    Message {
        /// Its first line and its headers.
        head: Head,
        /// Its content.
        body: Bytes,
    },
    /// Line breaks between messages, or what is not understood.
    Through(Bytes),
}

/// Cuts one direction of a connection. Holds at most one piece that is not whole.
#[derive(Debug, Default)]
pub struct Pieces {
    buffer: BytesMut,
    /// Where the head ends that the buffer begins with, and how long its body is, once that is known.
    message: Option<(usize, usize)>,
    lost: bool,
    too_long: bool,
}

impl Pieces {
    /// What came is appended to it. Call [`Self::next_piece`] until there is none.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether what is not understood any more began with a message over [`MAX_HEAD`] or [`MAX_BODY`].
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// The next whole piece.
    pub fn next_piece(&mut self) -> Option<Piece> {
        if self.buffer.is_empty() {
            return None;
        }
        if self.lost {
            return Some(Piece::Through(self.buffer.split().freeze()));
        }
        match *self.buffer {
            [b'\r' | b'\n', ..] => {
                let breaks = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                Some(Piece::Through(self.buffer.split_to(breaks).freeze()))
            }
            [b'$', _, high, low, ..] => {
                let whole = PACKET_HEAD + usize::from(u16::from_be_bytes([high, low]));
                (self.buffer.len() >= whole).then(|| Piece::Packet(self.buffer.split_to(whole)))
            }
            [b'$', ..] => None,
            [first, ..] if first.is_ascii_alphabetic() => self.message(),
            _ => self.lose(),
        }
    }

    fn message(&mut self) -> Option<Piece> {
        if self.message.is_none() {
            let first_line = self.buffer.iter().position(|byte| *byte == b'\n');
            let Some(end) = head_end(&self.buffer) else {
                // What is no message is not waited for: no empty line may ever come.
                let other = first_line.is_some_and(|end| !Head::parse(&self.buffer[..=end]).is_message());
                let too_long = self.buffer.len() > MAX_HEAD;
                self.too_long |= too_long && first_line.is_some() && !other;
                return if other || too_long { self.lose() } else { None };
            };
            let head = Head::parse(&self.buffer[..end]);
            let length = match head.value("Content-Length") {
                None => Some(0),
                Some(value) => value.parse().ok(),
            };
            let length = length.filter(|_| head.is_message());
            let fits = |length: &usize| end <= MAX_HEAD && *length <= MAX_BODY;
            self.too_long |= length.is_some_and(|length| !fits(&length));
            let length = length.filter(fits);
            self.message = length.map(|length| (end, length));
        }
        match self.message {
            None => self.lose(),
            Some((end, length)) if self.buffer.len() < end + length => None,
            Some((end, length)) => {
                self.message = None;
                let head = Head::parse(&self.buffer.split_to(end));
                Some(Piece::Message { head, body: self.buffer.split_to(length).freeze() })
            }
        }
    }

    fn lose(&mut self) -> Option<Piece> {
        self.lost = true;
        self.next_piece()
    }
}

/// Behind the empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut begin = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(&bytes[begin..at], [] | [b'\r']) {
            return Some(at + 1);
        }
        begin = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(bytes: &[u8], step: usize) -> Vec<Piece> {
        let (mut pieces, mut found) = (Pieces::default(), vec![]);
        for chunk in bytes.chunks(step) {
            pieces.buffer().extend_from_slice(chunk);
            found.extend(std::iter::from_fn(|| pieces.next_piece()));
        }
        found
    }

    fn joined(pieces: &[Piece]) -> Vec<u8> {
        let parts = pieces.iter().flat_map(|piece| match piece {
            Piece::Packet(bytes) => vec![bytes.to_vec()],
            Piece::Message { head, body } => vec![head.bytes().to_vec(), body.to_vec()],
            Piece::Through(bytes) => vec![bytes.to_vec()],
        });
        parts.flatten().collect()
    }

    const PLAYING: &[u8] = b"\r\nRTSP/1.0 200 OK\nCSeq: 3\r\nContent-Length: 2\r\n\r\nhi$\0\0\x03abc\r\n$\x01\0\0";

    #[test]
    fn messages_packets_and_line_breaks_are_told_apart() {
        let found = pieces(PLAYING, PLAYING.len());
        let kinds: Vec<_> = found.iter().map(std::mem::discriminant).collect();
        let [breaks, answer, packet, more_breaks, empty] = kinds[..] else { panic!("{found:?}") };
        assert_eq!((breaks, packet), (more_breaks, empty));
        assert!(matches!(&found[1], Piece::Message { body, .. } if body == "hi") && answer != packet);
    }

    #[test]
    fn what_is_not_understood_goes_through_with_all_that_follows() {
        let long = [b"RTSP/1.0 200 OK\r\nX: ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
        let http = b"HTTP/1.1 400 Bad Request\r\nServer:";
        for bytes in [&b"\0\x01$\0\0\0"[..], http, b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n$\0\0\0", &long] {
            let found = pieces(bytes, bytes.len());
            assert_eq!(found, [Piece::Through(Bytes::copy_from_slice(bytes))]);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_told_from_what_is_none() {
        let head = [b"RTSP/1.0 200 OK\r\nX: ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
        let ended = [&head[..], b"\r\n\r\n"].concat();
        let body = format!("RTSP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1).into_bytes();
        let fits = format!("RTSP/1.0 200 OK\r\nContent-Length: {MAX_BODY}\r\n\r\n").into_bytes();
        let noise = vec![b'x'; 2 * MAX_HEAD];
        for (bytes, too_long) in [(head, true), (ended, true), (body, true), (fits, false), (noise, false)] {
            let mut pieces = Pieces::default();
            pieces.buffer().extend_from_slice(&bytes);
            while pieces.next_piece().is_some() {}
            assert_eq!(pieces.is_too_long(), too_long, "{} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_invented(step in 1_usize..20, noise in prop::collection::vec(any::<u8>(), 0..80)) {
            let bytes = [PLAYING, &noise].concat();
            let found = joined(&pieces(&bytes, step));
            prop_assert!(bytes.starts_with(&found) && found.len() >= PLAYING.len());
        }
    }
}
