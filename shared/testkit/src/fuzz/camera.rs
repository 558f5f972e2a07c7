//! What a camera sends.

use bytes::Bytes;
use edge_core::Moment;
use edge_core::interpreter::conversation::Conversation;
use edge_core::interpreter::framing::{Piece, Pieces};
use edge_core::interpreter::packet::Sequences;
use edge_core::interpreter::{Mend, Mends, mend};
use edge_core::multipart::{Multipart, MultipartError, Picture};
use edge_core::onvif::device::{Device, Stream};
use edge_core::onvif::{address, answer, lines, probe};
use edge_core::redirect;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::nal::nals;
use omma_media::bitstream::{Watch, detect_codec, is_key};
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::frame::FramePool;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use url::Url;

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

/// Coded pictures: what is decoded is a whole picture in the order of time, and after what can't be decoded nothing is shown
/// until the next key picture.
pub fn coded_pictures(data: &[u8]) {
    let made = Decoder::new(Codec::H264, DecoderChoice::OpenH264);
    let mut decoder = made.unwrap_or_else(|e| panic!("{e}"));
    let (mut last, mut waits) = (None, true);
    for (unit, n) in split_access_units(data).iter().zip(0..) {
        let key = is_key(Codec::H264, unit);
        waits &= !key;
        let unit = AccessUnit { time: CaptureTime(n), codec: Codec::H264, key, data: Bytes::copy_from_slice(unit) };
        match decoder.decode(&unit) {
            Ok(Some(shown)) => {
                assert!(!waits && shown.planes().is_sound() && last < Some(shown.time()));
                last = Some(shown.time());
            }
            Ok(None) => {}
            Err(e) => {
                assert!(!e.to_string().is_empty());
                waits = true;
            }
        }
    }
    assert!(decoder.finish(&FramePool::new(1)).iter().all(|frame| frame.planes().is_sound()));
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
