use super::*;
use crate::camera::{CameraState, Placement, VideoInfo};
use proptest::prelude::*;

fn group() -> (GroupHeader, Vec<AccessUnit>, Vec<u8>) {
    let header = GroupHeader { camera: "door".parse().unwrap(), codec: Codec::H264, group: 3 };
    let units: Vec<_> = (0u8..5)
        .map(|i| AccessUnit {
            time: CaptureTime(1_700_000_000_000_000 + i64::from(i) * 33_333),
            key: i == 0,
            codec: Codec::H264,
            data: vec![i; usize::from(i) * 700].into(),
        })
        .collect();
    let mut bytes = encode_group_header(&header).unwrap();
    for unit in &units {
        bytes.extend(encode_unit_head(unit).unwrap());
        bytes.extend(&unit.data);
    }
    (header, units, bytes)
}

proptest! {
    #[test]
    fn a_group_reads_back_however_it_is_cut(step in 1usize..900) {
        let (header, units, bytes) = group();
        let mut reader = GroupReader::default();
        let mut got = vec![];
        for piece in bytes.chunks(step) {
            reader.push(piece);
            while let Some(unit) = reader.next_unit().unwrap() {
                got.push(unit);
            }
        }
        prop_assert_eq!(reader.header().unwrap(), Some(&header));
        prop_assert_eq!(got, units);
    }

    #[test]
    fn garbage_is_an_error_or_nothing_but_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut reader = GroupReader::default();
        reader.push(&bytes);
        while let Ok(Some(_)) = reader.next_unit() {}
        drop(decode_result(&bytes));
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode_control::<EdgeToHub>(&mut buffer) {}
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode_control::<HubToEdge>(&mut buffer) {}
    }
}

#[test]
fn a_length_over_the_bound_is_refused_before_memory_is_taken() {
    let (header, ..) = group();
    let mut reader = GroupReader::default();
    reader.push(&encode_group_header(&header).unwrap());
    reader.push(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(reader.next_unit(), Err(WireError::TooLong { .. })));
}

#[test]
fn a_control_message_reads_back() {
    let video = VideoInfo { codec: Codec::H264, width: 1920, height: 1080, reorders: false };
    let report = CameraReport {
        camera: "door".parse().unwrap(),
        name: "Front door".into(),
        placement: Placement::Hub,
        state: CameraState::Failed { reason: "401".into() },
        video: Some(video),
    };
    for message in [
        EdgeToHub::Hello { version: 1, edge: "e".parse().unwrap(), secret: "s".into(), agent: "a".into() },
        EdgeToHub::Cameras(vec![report]),
    ] {
        let mut buffer = BytesMut::new();
        for b in encode_control(&message).unwrap() {
            assert_eq!(decode_control::<EdgeToHub>(&mut buffer).unwrap(), None);
            buffer.put_u8(b);
        }
        assert_eq!(decode_control(&mut buffer).unwrap(), Some(message));
        assert!(buffer.is_empty());
    }
}

#[test]
fn a_secret_crosses_the_wire_and_no_log() {
    let hello =
        EdgeToHub::Hello { version: 1, edge: "e".parse().unwrap(), secret: "hunter2".into(), agent: "a".into() };
    let bytes = encode_control(&hello).unwrap();
    assert!(bytes.windows(7).any(|window| window == b"hunter2"));
    assert!(!format!("{hello:?} {hello:#?}").contains("hunter2"));
}

#[test]
fn a_result_reads_back_within_its_rounding() {
    let analyst = Analyst { place: Place::Hub, engine: "ort".into(), model: "m".into() };
    let rect = Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 };
    let result = FrameResult {
        time: CaptureTime(42),
        tracks: vec![Track { id: TrackId(7), label: "person".into(), score: 0.9, rect }],
        analyst: Arc::new(analyst),
        took: Duration::from_micros(1234),
    };
    let camera: CameraId = "door".parse().unwrap();
    let got = decode_result(&encode_result(&camera, &result).unwrap()).unwrap();
    assert_eq!((got.camera, got.result.time, got.result.took), (camera, result.time, result.took));
    assert_eq!(got.result.analyst, result.analyst);
    let back = got.result.tracks[0].rect;
    assert!((back.x - rect.x).abs() < 1e-4 && (back.h - rect.h).abs() < 1e-4);
}
