use proptest::prelude::*;

use super::*;

/// A JPEG by its structure: a thumbnail in a segment, two scans, stuffed bytes and a restart marker.
fn jpeg(seed: u8) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 8, 0xff, 0xd8, seed, 0xff, 0xd9, 0];
    for scan in 0..2 {
        bytes.extend_from_slice(&[0xff, 0xda, 0, 4, scan, seed, 1, 2, 0xff, 0, 3, 0xff, 0xd3, seed & 0x7f, 4]);
    }
    bytes.extend_from_slice(&[0xff, 0xd9]);
    bytes
}

/// Everything that comes out of a stream in pieces of this size, and how it ended.
fn read(stream: &[u8], piece: usize) -> (Vec<Bytes>, Result<(), MultipartError>) {
    let (mut multipart, mut pictures) = (Multipart::default(), vec![]);
    for piece in stream.chunks(piece) {
        multipart.push(piece, Moment::ZERO);
        loop {
            match multipart.next_picture() {
                Ok(Some(picture)) => pictures.push(picture.data),
                Ok(None) => break,
                Err(e) => return (pictures, Err(e)),
            }
        }
    }
    (pictures, Ok(()))
}

/// Three pictures, each with this in front and behind it.
fn stream(front: impl Fn(usize) -> String, behind: &str) -> Vec<u8> {
    let part = |seed: u8| [front(jpeg(seed).len()).into_bytes(), jpeg(seed), behind.as_bytes().to_vec()].concat();
    [part(1), part(2), part(3)].concat()
}

#[test]
fn every_form_found_in_the_wild_gives_its_pictures() {
    let forms = [
        (
            "as it should be",
            stream(|n| format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {n}\r\n\r\n"), "\r\n"),
        ),
        ("no length", stream(|_| "--b\r\nContent-Type: image/jpeg\r\n\r\n".into(), "\r\n")),
        ("line feeds only", stream(|n| format!("--b\nContent-length:{n}\n\n"), "\n")),
        ("no empty line", stream(|n| format!("--b\r\nCONTENT-LENGTH: {n}\r\n"), "")),
        ("dashes too many", stream(|n| format!("----b\r\nContent-Length: {n}\r\n\r\n"), "\r\n")),
        ("garbage between", stream(|_| "\0\0garbage \u{fffd}\r\n--b\r\n\r\n".into(), "more\r\n\r\n")),
        ("nothing between", stream(|_| String::new(), "")),
        ("length too short", stream(|n| format!("--b\r\nContent-Length: {}\r\n\r\n", n - 9), "\r\n")),
        ("length too long", stream(|n| format!("--b\r\nContent-Length: {}\r\n\r\n", n + 30), "\r\n")),
        ("length without sense", stream(|_| "--b\r\nContent-Length: -1\r\n\r\n".into(), "\r\n")),
        ("timestamps", stream(|n| format!("--b\r\nX-Timestamp: 1.5\r\nContent-Length: {n}\r\n\r\n"), "\r\n")),
    ];
    for (name, bytes) in forms {
        for piece in [1, 2, 7, bytes.len()] {
            let (pictures, end) = read(&bytes, piece);
            assert_eq!((pictures, end), (vec![jpeg(1).into(), jpeg(2).into(), jpeg(3).into()], Ok(())), "{name}");
        }
    }
}

#[test]
fn without_an_end_of_image_the_promised_length_ends_a_picture() {
    let whole = jpeg(1);
    let open = &whole[..whole.len() - 2];
    let head = format!("--b\r\nContent-Length: {}\r\n\r\n", open.len());
    let bytes = [head.as_bytes(), open, b"\r\n--b\r\n"].concat();
    for piece in [1, 5, bytes.len()] {
        assert_eq!(read(&bytes, piece), (vec![Bytes::copy_from_slice(open)], Ok(())));
    }
}

#[test]
fn a_picture_cut_off_is_thrown_away_where_the_next_begins() {
    let bytes = [&jpeg(1)[..22], b"\r\n--b\r\n\r\n", &jpeg(2)].concat();
    for piece in [1, 3, bytes.len()] {
        assert_eq!(read(&bytes, piece), (vec![jpeg(2).into()], Ok(())));
    }
    let mut multipart = Multipart::default();
    multipart.push(&bytes, Moment::ZERO);
    assert!(multipart.next_picture().unwrap().is_some() && multipart.cut_off() == 1);
}

#[test]
fn a_picture_is_dated_when_it_begins_to_come() {
    let mut multipart = Multipart::default();
    let [first, second] = [Moment::from_secs(1), Moment::from_secs(2)];
    multipart.push(&jpeg(1)[..5], first);
    assert_eq!(multipart.next_picture(), Ok(None));
    multipart.push(&[&jpeg(1)[5..], &jpeg(2)].concat(), second);
    let began = [(); 2].map(|()| multipart.next_picture().unwrap().unwrap().began);
    assert_eq!(began, [first, second]);
}

#[test]
fn what_never_ends_and_what_never_begins_are_refused_and_not_kept() {
    let endless = [&[0xff, 0xd8, 0xff, 0xda, 0, 2][..], &vec![7; MAX_PICTURE + 1]].concat();
    assert_eq!(read(&endless, 65_536), (vec![], Err(MultipartError::TooLarge)));
    assert_eq!(read(&endless, endless.len()), (vec![], Err(MultipartError::TooLarge)));
    assert_eq!(read(&vec![7; MAX_BETWEEN + 8], 65_536), (vec![], Err(MultipartError::NoPicture)));

    let mut multipart = Multipart::default();
    for _ in 0..200 {
        multipart.push(&[7; 1000], Moment::ZERO);
        assert_eq!(multipart.next_picture(), Ok(None));
        assert!(multipart.buffer.len() <= HEAD + START.len() + 1000);
    }
}

proptest! {
    /// Tokens that mean something come often.
    #[test]
    fn however_cut_the_same_pictures_come_out(
        tokens in prop::collection::vec(prop_oneof![
            Just(jpeg(1)), Just(jpeg(2)[..20].to_vec()), Just(vec![0xff]), Just(vec![0xd8]), Just(vec![0xff, 0xd9]),
            Just(b"\r\nContent-Length: 30\r\n\r\n".to_vec()), Just(b"Content-Length: 43\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ], 0..20),
        piece in 1usize..50,
    ) {
        let bytes = tokens.concat();
        let whole = read(&bytes, bytes.len().max(1));
        prop_assert!(whole.0.iter().all(|picture| picture.starts_with(&START)));
        prop_assert!(whole.0.iter().map(Bytes::len).sum::<usize>() <= bytes.len());
        prop_assert_eq!(read(&bytes, piece), whole);
    }
}
