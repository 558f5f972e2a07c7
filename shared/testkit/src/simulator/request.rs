//! Cuts what a client sends into requests and interleaved packets. Pure; everything it takes in is bounded.
//!
//! RFC 2326 §6 (requests) and §10.12 (interleaved packets). A broken message is an error and ends the connection: behind
//! it nothing says where the next message begins.

use bytes::{Buf, Bytes, BytesMut};

/// Longest request line and headers together, in bytes.
pub(super) const MAX_HEAD: usize = 8 * 1024;
/// Most header lines of one request.
pub(super) const MAX_HEADERS: usize = 64;
/// Longest body of a request, in bytes.
pub(super) const MAX_BODY: usize = 4 * 1024;

/// One thing a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// It wants something.
    Request(Request),
    /// An RTP or RTCP packet; from a player these are receiver reports.
    Interleaved {
        /// The channel agreed on in `SETUP`.
        channel: u8,
        /// The packet.
        packet: Bytes,
    },
}

/// A request as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The method's name; not necessarily one that exists.
    pub(super) method: String,
    /// The request URI, or `*`.
    pub(super) uri: String,
    /// The number that the answer repeats.
    pub(super) cseq: u32,
    headers: Vec<(String, String)>,
    /// What follows the headers.
    pub(super) body: Bytes,
}

impl Request {
    /// The value of the first header of this name, whatever its case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why bytes are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("byte {0:#04x} can't stand in a request")]
    Byte(u8),
    #[error("the headers are longer than {MAX_HEAD} bytes")]
    LongHead,
    #[error("there are more than {MAX_HEADERS} headers")]
    ManyHeaders,
    #[error("the body is longer than {MAX_BODY} bytes")]
    LongBody,
    #[error("the first line is not `METHOD URI RTSP/1.0`")]
    RequestLine,
    #[error("the version is not RTSP/1.0")]
    Version,
    #[error("a header has no colon")]
    Header,
    #[error("Content-Length is not a number")]
    ContentLength,
    #[error("CSeq is missing or not a number")]
    CSeq,
}

/// Takes the next message out of `inbox`; `None` when more bytes are needed. `inbox` then holds less than one message:
/// [`MAX_HEAD`] + [`MAX_BODY`] bytes, or one interleaved packet of 64 KiB.
pub(super) fn next_message(inbox: &mut BytesMut) -> Result<Option<Message>, BadRequest> {
    // Some clients end a body with a line break that belongs to nothing; RFC 2326 §4.1 has us skip it.
    while matches!(inbox.first(), Some(b'\r' | b'\n')) {
        inbox.advance(1);
    }
    match inbox.first() {
        None => Ok(None),
        Some(b'$') => Ok(interleaved(inbox)),
        Some(_) => request(inbox).map(|found| found.map(Message::Request)),
    }
}

fn interleaved(inbox: &mut BytesMut) -> Option<Message> {
    let (&[_, channel, high, low], _) = inbox.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if inbox.len() < 4 + length {
        return None;
    }
    inbox.advance(4);
    Some(Message::Interleaved { channel, packet: inbox.split_to(length).freeze() })
}

fn request(inbox: &mut BytesMut) -> Result<Option<Request>, BadRequest> {
    let window = &inbox[..inbox.len().min(MAX_HEAD)];
    let end = window.windows(4).position(|four| four == b"\r\n\r\n");
    let head = &window[..end.unwrap_or(window.len())];
    // Looked for before the head is complete, so that binary garbage is refused at once and not after a time-out.
    if let Some(&byte) = head.iter().find(|&&b| b < b' ' && !matches!(b, b'\r' | b'\n' | b'\t')) {
        return Err(BadRequest::Byte(byte));
    }
    let Some(end) = end else {
        return if window.len() == MAX_HEAD { Err(BadRequest::LongHead) } else { Ok(None) };
    };
    let text = std::str::from_utf8(head).map_err(|e| BadRequest::Byte(head[e.valid_up_to()]))?;
    let mut lines = text.split("\r\n");
    let (method, uri) = request_line(lines.next().unwrap_or_default())?;
    let headers = lines.map(header).collect::<Result<Vec<_>, _>>()?;
    if headers.len() > MAX_HEADERS {
        return Err(BadRequest::ManyHeaders);
    }
    let mut request = Request { method, uri, cseq: 0, headers, body: Bytes::new() };
    let length = match request.header("Content-Length") {
        Some(value) => value.parse::<usize>().map_err(|_| BadRequest::ContentLength)?,
        None => 0,
    };
    if length > MAX_BODY {
        return Err(BadRequest::LongBody);
    }
    request.cseq = request.header("CSeq").and_then(|value| value.parse().ok()).ok_or(BadRequest::CSeq)?;
    let body_at = end + 4;
    if inbox.len() < body_at + length {
        return Ok(None);
    }
    inbox.advance(body_at);
    request.body = inbox.split_to(length).freeze();
    Ok(Some(request))
}

fn request_line(line: &str) -> Result<(String, String), BadRequest> {
    let mut words = line.split(' ');
    let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BadRequest::RequestLine);
    };
    if method.is_empty() || uri.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
        return Err(BadRequest::RequestLine);
    }
    if version != "RTSP/1.0" {
        return Err(BadRequest::Version);
    }
    Ok((method.to_owned(), uri.to_owned()))
}

fn header(line: &str) -> Result<(String, String), BadRequest> {
    let (name, value) = line.split_once(':').ok_or(BadRequest::Header)?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
