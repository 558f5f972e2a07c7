use proptest::prelude::*;

use super::*;

fn feed(bytes: &[u8]) -> (Vec<Message>, Option<BadRequest>, usize) {
    feed_in_pieces([bytes])
}

/// Messages, the error that ended it, and the most bytes ever left waiting.
fn feed_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Option<BadRequest>, usize) {
    let (mut inbox, mut messages, mut waiting) = (BytesMut::new(), vec![], 0);
    for piece in pieces {
        inbox.extend_from_slice(piece);
        loop {
            match next_message(&mut inbox) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(e) => return (messages, Some(e), waiting),
            }
        }
        waiting = waiting.max(inbox.len());
    }
    (messages, None, waiting)
}

fn one(text: &str) -> Request {
    match feed(text.as_bytes()) {
        (messages, None, 0) if messages.len() == 1 => match messages.into_iter().next() {
            Some(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_read() {
    let text = "SETUP rtsp://h/door/trackID=0 RTSP/1.0\r\nCSeq: 3 \r\ntransport:RTP/AVP/TCP;unicast\r\n\r\n";
    let request = one(text);
    assert_eq!((request.method.as_str(), request.cseq), ("SETUP", 3));
    assert_eq!(request.uri, "rtsp://h/door/trackID=0");
    assert_eq!(request.header("Transport"), Some("RTP/AVP/TCP;unicast"));
    assert_eq!(request.header("Session"), None);
}

#[test]
fn bodies_packets_and_stray_line_breaks_follow_each_other() {
    let bytes = b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc\r\n$\x01\x00\x02xyOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n";
    let (messages, error, waiting) = feed(bytes);
    assert_eq!((messages.len(), error, waiting), (3, None, 0));
    assert!(matches!(&messages[0], Message::Request(r) if &r.body[..] == b"abc"));
    assert_eq!(messages[1], Message::Interleaved { channel: 1, packet: Bytes::from_static(b"xy") });
}

#[test]
fn each_fault_is_named() {
    let many = format!("OPTIONS * RTSP/1.0\r\nCSeq: 1{}\r\n\r\n", "\r\nA: b".repeat(MAX_HEADERS));
    let long = format!("OPTIONS {} RTSP/1.0\r\n", "x".repeat(MAX_HEAD));
    for (text, fault) in [
        ("\x16\x03\x01\x02", BadRequest::Byte(0x16)),
        ("GET / HTTP/1.1\r\n\r\n", BadRequest::Version),
        ("options * RTSP/1.0\r\n\r\n", BadRequest::RequestLine),
        ("OPTIONS *\r\n\r\n", BadRequest::RequestLine),
        ("OPTIONS * RTSP/1.0\r\nCSeq 1\r\n\r\n", BadRequest::Header),
        ("OPTIONS * RTSP/1.0\r\n\r\n", BadRequest::CSeq),
        ("OPTIONS * RTSP/1.0\r\nCSeq: -1\r\n\r\n", BadRequest::CSeq),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: x\r\n\r\n", BadRequest::ContentLength),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n", BadRequest::LongBody),
        (&many, BadRequest::ManyHeaders),
        (&long, BadRequest::LongHead),
    ] {
        assert_eq!(feed(text.as_bytes()).1, Some(fault), "{text:?}");
    }
}

/// Bytes that resemble requests closely enough to reach every branch.
fn nearly_rtsp() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        prop::sample::select(vec![
            "OPTIONS ",
            "SETUP rtsp://h/x ",
            "* ",
            "RTSP/1.0",
            "\r\n",
            "\r\n\r\n",
            "CSeq: 1",
            "CSeq:",
            "Content-Length: 5",
            "Content-Length: 99999999999999999999",
            ":",
            "$",
            "$\0\0\u{1}a",
            " ",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn garbage_is_refused_or_read_the_same_however_it_is_cut(bytes in nearly_rtsp(), cut in any::<prop::sample::Index>()) {
        let whole = feed(&bytes);
        let cut = cut.index(bytes.len() + 1);
        let pieces = feed_in_pieces([&bytes[..cut], &bytes[cut..]]);
        prop_assert_eq!(&whole.0, &pieces.0);
        prop_assert_eq!(whole.1.is_some(), pieces.1.is_some());
        prop_assert!(whole.2 < (MAX_HEAD + MAX_BODY).max(65_540));
    }

    #[test]
    fn what_is_written_is_read(
        method in "[A-Z_]{1,16}", uri in "rtsp://[a-z.:0-9]{1,30}/[a-z/]{0,20}", cseq: u32,
        value in "[!-~]([ -~]{0,60}[!-~])?", body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = format!("{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\nX-A: {value}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(&body);
        let (messages, error, waiting) = feed(&bytes);
        prop_assert_eq!((error, waiting), (None, 0));
        let Some(Message::Request(request)) = messages.first() else { return Err(TestCaseError::fail("no request")) };
        prop_assert_eq!(request.header("x-a"), Some(value.as_str()));
        prop_assert_eq!((&request.method, &request.uri, request.cseq, &request.body[..]), (&method, &uri, cseq, &body[..]));
    }
}
