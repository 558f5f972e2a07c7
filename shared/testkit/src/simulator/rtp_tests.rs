use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// Puts NAL units together again, as RFC 6184 tells a receiver to.
fn depacketise(packets: &Packets) -> Vec<Vec<u8>> {
    let mut nals: Vec<Vec<u8>> = vec![];
    for packet in packets.iter() {
        let payload = &packet[12..];
        match payload[0] & 0x1f {
            STAP_A => {
                let mut rest = &payload[1..];
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let (nal, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
                    nals.push(nal.to_vec());
                    rest = after;
                }
            }
            FU_A => {
                if payload[1] & 0x80 != 0 {
                    nals.push(vec![(payload[0] & 0xe0) | (payload[1] & 0x1f)]);
                }
                nals.last_mut().unwrap().extend_from_slice(&payload[2..]);
            }
            _ => nals.push(payload.to_vec()),
        }
    }
    nals
}

fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(packet[at..at + 4].try_into().unwrap())
}

fn nal() -> impl Strategy<Value = Bytes> {
    // Types 1 to 23 are single NAL units; sizes around one and several payloads.
    let size = prop_oneof![1usize..60, 1390usize..1410, 2790usize..2810, 4000usize..9000];
    (0u8..4, prop_oneof![Just(7u8), Just(8), 1u8..24], size).prop_map(|(nri, kind, size)| {
        (0..size).map(|i| if i == 0 { nri << 5 | kind } else { i as u8 }).collect::<Vec<_>>().into()
    })
}

proptest! {
    #[test]
    fn a_picture_comes_out_as_it_went_in(nals in prop::collection::vec(nal(), 1..8), first: u16, micros in 0i64..1 << 50) {
        let mut packetiser = Packetiser::new(7, first, 99);
        let mut packets = Packets::default();
        let time = CaptureTime(micros);
        packetiser.packetise(&Picture { codec: Codec::H264, key: true, nals: nals.clone() }, time, &mut packets);

        prop_assert_eq!(depacketise(&packets), nals.iter().map(|n| n.to_vec()).collect::<Vec<_>>());
        let count = packets.iter().count();
        for (i, packet) in packets.iter().enumerate() {
            prop_assert!(packet.len() <= 12 + MAX_PAYLOAD);
            prop_assert_eq!(packet[0], 0x80);
            prop_assert_eq!(packet[1], if i + 1 == count { 0x80 | 96 } else { 96 }, "marker on the last packet only");
            prop_assert_eq!(u16::from_be_bytes([packet[2], packet[3]]), first.wrapping_add(i as u16));
            prop_assert_eq!((word(packet, 4), word(packet, 8)), (time.rtp().wrapping_add(99), 7));
        }
        prop_assert_eq!(packetiser.sequence(), first.wrapping_add(count as u16));
    }
}

#[test]
fn parameter_sets_go_together() {
    let nals = vec![Bytes::from_static(&[0x67, 1]), Bytes::from_static(&[0x68, 2]), Bytes::from_static(&[0x65, 3])];
    let mut packets = Packets::default();
    Packetiser::new(1, 0, 0).packetise(&Picture { codec: Codec::H264, key: true, nals }, CaptureTime(0), &mut packets);
    let kinds: Vec<u8> = packets.iter().map(|p| p[12] & 0x1f).collect();
    assert_eq!(kinds, [STAP_A, 5]);
}

#[test]
fn a_report_ties_the_two_clocks() {
    let mut packetiser = Packetiser::new(0xdead_beef, 0, 5);
    let picture = Picture { codec: Codec::H264, key: false, nals: vec![Bytes::from(vec![0x41; 100])] };
    packetiser.packetise(&picture, CaptureTime(0), &mut Packets::default());
    let report = packetiser.report(CaptureTime(1_500_000));
    assert_eq!(&report[..4], [0x80, 200, 0, 6]);
    assert_eq!(word(&report, 4), 0xdead_beef);
    assert_eq!(word(&report, 8), 2_208_988_801);
    assert_eq!(word(&report, 12), 1 << 31);
    assert_eq!(word(&report, 16), 135_000 + 5);
    assert_eq!((word(&report, 20), word(&report, 24)), (1, 100));
    // The second packet's length field says where the compound ends.
    assert_eq!(report[29], 202);
    assert_eq!(28 + 4 * (usize::from(report[31]) + 1), report.len());
    assert_eq!(report.last(), Some(&0), "the list of items is closed by a zero");
}
