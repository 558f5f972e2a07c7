//! What one access unit shows, in the words of a report.

use edge_core::Moment;
use edge_core::doctor::measure::Picture;
use edge_core::doctor::report::{Coding, Reordering};
use omma_media::bitstream::h264::{self, Sps};
use omma_media::bitstream::{chroma_name, h265};
use omma_protocol::unit::Codec;

use crate::source::rtsp::Coded;

/// Looks at a unit that came at `arrival`. `rate_hz` is what the parameter sets in force promise.
pub fn picture(coded: &Coded, arrival: Moment, rate_hz: Option<f64>) -> Picture {
    let coding = if coded.key { coding(coded.codec, &coded.data, rate_hz) } else { None };
    Picture {
        arrival,
        rtp: coded.rtp,
        bytes: coded.data.len(),
        key: coded.key,
        b_slices: coded.codec == Codec::H264 && h264::has_b_slice(&coded.data),
        lost_packets: coded.lost_packets,
        unusable_packets: coded.unusable_packets,
        new_parameter_sets: coded.new_parameter_sets,
        coding,
    }
}

fn coding(codec: Codec, data: &[u8], rate_hz: Option<f64>) -> Option<Coding> {
    match codec {
        Codec::H264 => Sps::find(data).map(|sps| coding_h264(&sps, rate_hz)),
        Codec::H265 => h265::Sps::find(data).map(|sps| coding_h265(&sps, rate_hz)),
    }
}

fn coding_h264(sps: &Sps, rate_hz: Option<f64>) -> Coding {
    Coding {
        codec: Codec::H264,
        profile: profile(sps),
        level: level(sps),
        width: sps.width,
        height: sps.height,
        interlaced: sps.interlaced,
        bit_depth: sps.bit_depth,
        chroma: chroma_name(sps.chroma_format).to_owned(),
        reordering: match sps.reordering {
            h264::Reordering::Never => Reordering::Never,
            h264::Reordering::Unsaid => Reordering::Unsaid,
            h264::Reordering::Announced => Reordering::Announced,
        },
        rate_hz,
    }
}

fn coding_h265(sps: &h265::Sps, rate_hz: Option<f64>) -> Coding {
    Coding {
        codec: Codec::H265,
        // H.265 §A.3.
        profile: match sps.profile {
            1 => "Main".to_owned(),
            2 => "Main 10".to_owned(),
            3 => "Main Still Picture".to_owned(),
            4 => "format range extensions".to_owned(),
            number => format!("profile {number}"),
        },
        // H.265 §A.4: thirty times the level.
        level: format!("{}.{}", sps.level / 30, sps.level % 30 / 3),
        width: sps.width,
        height: sps.height,
        interlaced: sps.interlaced,
        bit_depth: sps.bit_depth,
        chroma: chroma_name(sps.chroma_format).to_owned(),
        reordering: if sps.reorders { Reordering::Announced } else { Reordering::Never },
        rate_hz,
    }
}

/// H.264 §A.2.
fn profile(sps: &Sps) -> String {
    const SET1: u8 = 0x40;
    const SET4_AND_5: u8 = 0x0c;
    let name = match sps.profile {
        66 if sps.constraints & SET1 != 0 => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 if sps.constraints & SET4_AND_5 == SET4_AND_5 => "Constrained High",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4 Predictive",
        number => return format!("profile {number}"),
    };
    name.to_owned()
}

/// H.264 §A.3.
fn level(sps: &Sps) -> String {
    const SET3: u8 = 0x10;
    match sps.level {
        11 if sps.constraints & SET3 != 0 && matches!(sps.profile, 66 | 77 | 88) => "1b".to_owned(),
        level => format!("{}.{}", level / 10, level % 10),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use omma_media::bitstream::is_key;

    use super::*;

    fn coded(nals: &[&[u8]]) -> Coded {
        let data: Vec<u8> = nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect();
        Coded {
            unusable_packets: 0,
            rtp: 7,
            first_packet: Instant::now(),
            lost_packets: 2,
            new_parameter_sets: true,
            key: is_key(Codec::H264, &data),
            codec: Codec::H264,
            data: data.into(),
        }
    }

    /// x264, Constrained Baseline, 64x48, with usability information.
    const SPS: &[u8] = &[
        0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x7b, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x01,
        0x40, 0xf1, 0x22, 0x64, 0x80,
    ];
    /// first_mb_in_slice 0 and slice_type 7 (I), 6 (B).
    const KEY: &[u8] = &[0x65, 0x88, 0x80];
    const B: &[u8] = &[0x01, 0x9e, 0x80];

    #[test]
    fn a_key_picture_is_read() {
        let seen = picture(&coded(&[SPS, KEY]), Moment::from_secs(3), Some(12.5));
        assert!(seen.key && !seen.b_slices && seen.new_parameter_sets);
        assert_eq!((seen.rtp, seen.lost_packets, seen.bytes, seen.arrival), (7, 2, 34, Moment::from_secs(3)));
        let coding = seen.coding.unwrap();
        assert_eq!((coding.profile.as_str(), coding.level.as_str()), ("Constrained Baseline", "1.0"));
        assert_eq!((coding.width, coding.height, coding.chroma.as_str()), (64, 48, "4:2:0"));
        assert_eq!((coding.reordering, coding.rate_hz), (Reordering::Never, Some(12.5)));
    }

    #[test]
    fn b_slices_and_missing_parameter_sets_are_seen() {
        let seen = picture(&coded(&[B]), Moment::ZERO, None);
        assert!(seen.b_slices && !seen.key && seen.coding.is_none());
        let seen = picture(&coded(&[KEY]), Moment::ZERO, None);
        assert!(seen.key && seen.coding.is_none());
    }

    #[test]
    fn a_key_picture_of_h265_is_read() {
        // libx265, Main, level 1, 98x50; an IDR_W_RADL slice.
        let hex = "42010101600000030090000003000003001ea034839c926592ae4caf0168080000030008000003005040";
        let sps: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        let seen = Coded { codec: Codec::H265, key: true, ..coded(&[&sps, &[0x26, 1, 0xaf]]) };
        let coding = picture(&seen, Moment::ZERO, None).coding.unwrap();
        assert_eq!((coding.profile.as_str(), coding.level.as_str(), coding.chroma.as_str()), ("Main", "1.0", "4:2:0"));
        assert_eq!((coding.codec, coding.width, coding.height), (Codec::H265, 98, 50));
        assert_eq!((coding.reordering, coding.bit_depth), (Reordering::Never, 8));
    }

    #[test]
    fn profiles_and_levels_have_names() {
        let sps = Sps::parse(SPS).unwrap();
        for (profile_idc, constraints, level_idc, expected) in [
            (66, 0x00, 30, "Baseline 3.0"),
            (66, 0x50, 11, "Constrained Baseline 1b"),
            (77, 0x40, 11, "Main 1.1"),
            (100, 0x00, 51, "High 5.1"),
            (100, 0x0c, 40, "Constrained High 4.0"),
            (118, 0x00, 40, "profile 118 4.0"),
        ] {
            let sps = Sps { profile: profile_idc, constraints, level: level_idc, ..sps.clone() };
            assert_eq!(format!("{} {}", profile(&sps), level(&sps)), expected);
        }
    }
}
