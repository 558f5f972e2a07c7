//! What each parser of network bytes must hold for any bytes at all.
//!
//! One function a parser. `cargo fuzz` drives them (`shared/testkit/fuzz`, where those of the programs' own parsers stand), and
//! the ordinary tests `corpus` replay every input that was ever kept. None may panic; where something was parsed, its
//! invariants are asserted.

#![allow(clippy::panic, reason = "for tests: what can't go on fails the test, with its reason")]

use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use edge_core::Moment;
use edge_core::interpreter::conversation::Conversation;
use edge_core::interpreter::framing::{Piece, Pieces};
use edge_core::interpreter::packet::Sequences;
use edge_core::interpreter::{Mend, Mends, mend};
use edge_core::multipart::{Multipart, MultipartError, Picture};
use edge_core::onvif::device::{Device, Stream};
use edge_core::onvif::{address, answer, lines, probe};
use edge_core::{control, redirect};
use hub_core::arrival::{Arrival, Content, Origin};
use hub_core::message::{self, Message};
use hub_core::record::{check_event, check_incident, check_picture};
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::nal::nals;
use omma_media::bitstream::{Watch, detect_codec, is_key};
use omma_protocol::join::JoinToken;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_protocol::wire::browser::BrowserToHub;
use omma_protocol::wire::mqtt::{AckMessage, EventMessage, StatusMessage, Topic};
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::{self, EdgeToHub, GroupReader, HubToEdge};
use url::Url;

use crate::simulator::{http, read_as_requests};

/// One parser under test.
pub type Target = fn(&[u8]);

/// Every target by name, which is the name of its folder of inputs too.
pub const TARGETS: &[(&str, Target)] = &[
    ("quic_control", quic_control),
    ("quic_group", quic_group),
    ("quic_result", quic_result),
    ("quic_lasting", quic_lasting),
    ("mqtt_message", mqtt_message),
    ("hub_message", hub_message),
    ("mqtt_topic", mqtt_topic),
    ("mqtt_command", mqtt_command),
    ("rtsp_redirect", rtsp_redirect),
    ("rtsp_interpreter", rtsp_interpreter),
    ("browser_message", browser_message),
    ("join_token", join_token),
    ("bitstream", bitstream),
    ("rtsp_request", rtsp_request),
    ("http_request", http_request),
    ("multipart", multipart),
    ("jpeg", jpeg),
    ("onvif", onvif),
];

/// Hands each target every input that was ever kept for it.
///
/// # Panics
/// When one panics, or has fewer than two.
pub fn replay(targets: &[(&str, Target)]) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets {
        let folder = fs::read_dir(corpus.join(name));
        let mut inputs: Vec<_> = folder.into_iter().flatten().flatten().map(|input| input.path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 2, "the corpus of {name} has {} inputs", inputs.len());
        for input in inputs {
            println!("{name} {}", input.display());
            let data = fs::read(&input);
            target(&data.unwrap_or_else(|e| panic!("{}: {e}", input.display())));
        }
    }
}

/// The control stream of an edge or a hub: what was parsed is written as it was read.
pub fn quic_control(data: &[u8]) {
    let mut buffer = BytesMut::from(data);
    while let Ok(Some(message)) = quic::decode_control::<EdgeToHub>(&mut buffer) {
        let again = quic::encode_control(&message).map(|bytes| BytesMut::from(&bytes[..]));
        let back = again.and_then(|mut bytes| quic::decode_control::<EdgeToHub>(&mut bytes));
        assert_eq!(back, Ok(Some(message)));
    }
    let mut buffer = BytesMut::from(data);
    while let Ok(Some(_)) = quic::decode_control::<HubToEdge>(&mut buffer) {}
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
        let Record { topic, properties, payload } = record;
        if let Ok(Message::Lasting(Arrival { origin, .. })) = message::read(topic.as_bytes(), payload, &properties) {
            let edge = origin.map(|Origin { edge, .. }| edge);
            assert_eq!(Topic::parse(&topic).and_then(|topic| topic.edge().cloned()), edge);
        }
    }
}

/// The payloads of MQTT messages.
pub fn mqtt_message(data: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<EventMessage>(data) {
        let event = message.to_event();
        assert_eq!(event.id, message.id);
    }
    let (_, _) = (serde_json::from_slice::<AckMessage>(data).ok(), serde_json::from_slice::<StatusMessage>(data).ok());
}

/// A command as an edge takes it from its broker: a line with the topic, the payload. A retained one is never obeyed, and
/// on a camera's own topic none is for another.
pub fn mqtt_command(data: &[u8]) {
    let at = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (topic, payload) = data.split_at(at);
    let payload = payload.get(1..).unwrap_or_default();
    let Some(topic) = std::str::from_utf8(topic).ok().and_then(Topic::parse) else { return };
    assert!(control::read(&topic, payload, true).is_err());
    match (control::read(&topic, payload, false), &topic) {
        (Ok(request), Topic::CameraCommand(_, camera, _)) => assert_eq!(request.camera, *camera),
        (taken, Topic::Command(..)) => drop(taken),
        (taken, topic) => assert!(taken.is_err(), "{topic} is no command"),
    }
}

/// A camera's answer that names another address: never that of another host, and never with a login.
pub fn rtsp_redirect(data: &[u8]) {
    let Ok(from) = Url::parse("rtsp://camera:8554/live") else { return };
    if let Ok(url) = redirect::target(&from, &String::from_utf8_lossy(data)) {
        assert_eq!((url.scheme(), url.host_str()), ("rtsp", Some("camera")));
        assert_eq!((url.username(), url.password()), ("", None));
    }
}

/// What a camera sends and the interpreter reads: the pieces are what went in, and as many bytes however it is cut. What is
/// mended has no more lines than before, no longer body, and ends as a message does. Packets keep their length and what stands
/// before the sequence number.
pub fn rtsp_interpreter(data: &[u8]) {
    let read = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut pieces, mut found) = (Pieces::default(), vec![]);
        for chunk in chunks {
            pieces.buffer().extend_from_slice(chunk);
            found.extend(std::iter::from_fn(|| pieces.next_piece()));
        }
        found
    };
    let (whole, mut joined) = (read(&mut std::iter::once(data)), vec![]);
    let (mut mends, mut sequences, mut conversation) =
        (Mends::default(), Sequences::default(), Conversation::default());
    for mend in Mend::ALL {
        mends.insert(mend);
    }
    for piece in whole {
        match piece {
            Piece::Through(bytes) => joined.extend_from_slice(&bytes),
            Piece::Packet(mut packet) => {
                joined.extend_from_slice(&packet);
                let before = packet.clone();
                sequences.admit(&mut packet);
                assert_eq!(
                    (packet.len(), &packet[..6.min(packet.len())]),
                    (before.len(), &before[..6.min(before.len())])
                );
            }
            Piece::Message { mut head, mut body } => {
                joined.extend_from_slice(&head.bytes());
                joined.extend_from_slice(&body);
                conversation.ask(&mut head.clone());
                conversation.answer(&mut head, true);
                let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
                let before = lines(&head.bytes());
                let length = body.len();
                mend(&mut head, &mut body, mends, Some([192, 0, 2, 20].into()));
                assert!(body.len() <= length);
                assert!(lines(&head.bytes()) <= before && head.bytes().ends_with(b"\n"));
                assert!(head.value("RTP-Info").is_none());
            }
        }
    }
    assert!(data.starts_with(&joined));
    let cut: usize = read(&mut data.chunks(7)).iter().map(length).sum();
    assert_eq!(cut, joined.len());
}

fn length(piece: &Piece) -> usize {
    match piece {
        Piece::Through(bytes) => bytes.len(),
        Piece::Packet(packet) => packet.len(),
        Piece::Message { head, body } => head.bytes().len() + body.len(),
    }
}

/// A message as the hub takes it from its broker: a line with the topic, a line `key=value` for each user property, an
/// empty line, the payload. Whatever is to be stored is sound, and from the edge whose topic it came on.
pub fn hub_message(data: &[u8]) {
    let mut payload = data;
    let mut line = || {
        let end = payload.iter().position(|&byte| byte == b'\n').unwrap_or(payload.len());
        let (line, rest) = payload.split_at(end);
        payload = rest.get(1..).unwrap_or_default();
        line
    };
    let topic = line();
    let properties: Vec<(String, String)> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()))
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let Ok(Message::Lasting(Arrival { origin, content })) =
        message::read(topic, Bytes::copy_from_slice(payload), &properties)
    else {
        return;
    };
    let (name, edge) = (std::str::from_utf8(topic).ok(), origin.map(|Origin { edge, .. }| edge));
    assert_eq!(name.and_then(Topic::parse).and_then(|topic| topic.edge().cloned()), edge);
    match content {
        Content::Event(event) => assert!(edge.is_some_and(|e| check_event(&e, &event.stream.camera, &event).is_ok())),
        Content::Incident(incident) => assert!(edge.is_some() && check_incident(&incident).is_ok()),
        Content::Picture(picture) => {
            let crop = picture.crop.unwrap_or_default();
            assert!(check_picture(&picture.jpeg).is_ok() && Some(picture.stream.edge) == edge);
            assert!(crop.is_empty() || check_picture(&crop).is_ok());
            assert!(picture.jpeg.len() + crop.len() == payload.len());
        }
        Content::Unsound { reason } => assert!(!reason.is_empty()),
    }
}

/// A topic's name: what is ours reads back as it was written.
pub fn mqtt_topic(data: &[u8]) {
    if let Some(topic) = std::str::from_utf8(data).ok().and_then(Topic::parse) {
        assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
    }
}

/// What a browser says on its data channel or WebSocket.
pub fn browser_message(data: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<BrowserToHub>(data) {
        assert!(serde_json::to_vec(&message).is_ok());
    }
}

/// A join token as an operator pastes it.
pub fn join_token(data: &[u8]) {
    if let Some(token) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<JoinToken>().ok()) {
        assert_eq!(token.reveal().parse(), Ok(token));
    }
}

/// What a player says to the camera simulator: no more requests than lines.
pub fn rtsp_request(data: &[u8]) {
    assert!(read_as_requests(data) <= data.iter().filter(|&&byte| byte == b'\n').count());
}

/// What a client says to the camera simulator over HTTP: no more requests than heads end.
pub fn http_request(data: &[u8]) {
    let ends = data.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
    assert!(http::read_as_requests(data) <= ends);
}

/// Coded pictures as a camera or an edge sends them: cutting loses and invents nothing, and a stream's size is never
/// nought.
pub fn bitstream(data: &[u8]) {
    let (units, last) = (split_access_units(data), data.as_ptr_range().end);
    assert!(units.iter().map(|unit| unit.len()).sum::<usize>() <= data.len());
    assert!(units.iter().flat_map(|unit| nals(unit)).all(|nal| nal.bytes.as_ptr_range().end <= last));
    for codec in [Codec::H264, Codec::H265] {
        let mut watch = Watch::default();
        for (unit, n) in units.iter().zip(0..) {
            let key = is_key(codec, unit);
            watch.see(&AccessUnit { time: CaptureTime(n), codec, key, data: Bytes::copy_from_slice(unit) });
        }
        assert!(watch.info().is_none_or(|info| info.codec == codec && info.width > 0 && info.height > 0));
    }
    assert!(detect_codec(data).is_none() || !units.is_empty());
}

/// An MJPEG stream as a camera sends it: however the bytes are cut, the same pictures come out, none of them invented.
pub fn multipart(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| -> Result<Vec<Bytes>, (Vec<Bytes>, MultipartError)> {
        let (mut multipart, mut pictures) = (Multipart::default(), vec![]);
        for piece in pieces {
            multipart.push(piece, Moment::ZERO);
            loop {
                match multipart.next_picture() {
                    Ok(Some(Picture { data, .. })) => pictures.push(data),
                    Ok(None) => break,
                    Err(e) => return Err((pictures, e)),
                }
            }
        }
        Ok(pictures)
    };
    let whole = read(&mut std::iter::once(data));
    let (Ok(pictures) | Err((pictures, _))) = &whole;
    assert!(pictures.iter().all(|picture| picture.starts_with(&[0xff, 0xd8])));
    assert!(pictures.iter().map(Bytes::len).sum::<usize>() <= data.len());
    assert_eq!(read(&mut data.chunks(7)), whole);
}

/// A JPEG as a camera sends it: what is decoded is a whole picture of even sides.
pub fn jpeg(data: &[u8]) {
    let mut picture = omma_media::planar::Planar::default();
    if omma_media::jpeg::decode::Decoder::default().decode(data, &mut picture).is_ok() {
        let planes = picture.planes();
        assert!(planes.is_sound() && planes.width.is_multiple_of(2) && planes.height.is_multiple_of(2));
    }
}

/// What a device answers when cameras are looked for, taken for an answer to every question: no address leads to another
/// host, and what is written for the configuration names no file.
pub fn onvif(data: &[u8]) {
    let host = "192.0.2.20";
    let Some(usual) = address::usual(host) else { return };
    let mut device = Device::at(host.to_owned());
    let mut ways = vec![];
    for found in probe::matches(data).unwrap_or_default() {
        ways.extend(address::device_services(&found.addresses, [192, 0, 2, 20].into()));
        device.name = found.name;
    }
    for services in [answer::services(data), answer::capabilities(data)].into_iter().flatten() {
        let named = [services.media, services.media2].into_iter().flatten();
        ways.extend(named.filter_map(|named| address::service(&named, &usual)));
    }
    let url = answer::stream_uri(data).ok().and_then(|uri| address::stream(&uri, &usual)).map(|stream| stream.url);
    ways.extend(url.clone());
    assert!(ways.iter().all(|way| way.host_str() == Some(host) && way.username().is_empty()), "{ways:?}");
    for profile in answer::profiles(data).unwrap_or_default() {
        let Some(coding) = profile.coding else { continue };
        let (url, shown) = (url.clone(), None);
        device.streams.push(Stream { profile: profile.token, source: profile.source, coding, url, shown });
    }
    assert!(!lines::lines(&[device], None).contains("${"));
    let (_, _, _) = (answer::fault(data), answer::date(data).ok(), answer::information(data).ok());
}
