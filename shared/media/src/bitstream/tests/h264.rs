use super::super::bits::{Bits, rbsp};
use super::super::h264::{FrameNumbers, Reordering, Sps};
use super::writer::Writer;
use super::{bytes, proptest};
use crate::frame::{Matrix, Range};
use proptest::prelude::*;

#[test]
fn parameter_sets_of_encoders_and_cameras() {
    use Matrix::{Bt601, Bt709};
    use Range::{Full, Limited};
    use Reordering::{Announced, Never, Unsaid};
    // What ffprobe says of streams that libx264 made with these; those of cameras were read by a second program.
    let rows = [
        ("x264 baseline", "6742c00ad9047b011000000300100000030140f1226480", (64, 48), Never, Limited, Bt601),
        ("x264 main", "674d401fd9005005bb011000000300100000030140f1832480", (1280, 720), Never, Limited, Bt709),
        (
            "x264 high full",
            "6764001facd9405005bfac05b808080a000003000200000300281e30632c",
            (1280, 718),
            Announced,
            Full,
            Bt709,
        ),
        (
            "x264 high hrd",
            "6764000dacd9416096c04400000300040000030051808007a10001e84e4b28078a14cb",
            (352, 288),
            Announced,
            Limited,
            Bt601,
        ),
        ("x264 high intra", "6764100bacb8283f60220000030002000003002808", (320, 240), Never, Limited, Bt601),
        ("x264 4:2:2", "677a000abcd94527888fc044000003000400000300503c489658", (66, 50), Announced, Limited, Bt601),
        ("x264 10 bit", "676e000aa6cd9477e2223011000003000100000300140f122596", (98, 34), Announced, Limited, Bt601),
        ("x264 4:4:4", "67f4000a919b29bf08476022000003000200000300281e244b2c", (33, 35), Announced, Limited, Bt601),
        ("x264 grey", "6764000af365109b016c80000003008000000a078912cb", (64, 64), Announced, Full, Bt601),
        (
            "x264 interlaced",
            "67640016acd940b424fd6022000003000200000300283e28532c",
            (720, 572),
            Announced,
            Limited,
            Bt601,
        ),
        (
            "GW Security, a start code behind the end",
            "674d001e95a82d0f69b80808081000000001",
            (720, 480),
            Never,
            Full,
            Bt709,
        ),
        ("VStarcam", "674d0028e900f0044fcb0800001f48000754e020", (1920, 1080), Unsaid, Limited, Bt709),
        (
            "a camera of retina's tests",
            "674d002a9da81e0089f966e02020280000030008000003007c20",
            (1920, 1080),
            Never,
            Full,
            Bt709,
        ),
        ("another", "674d401e9a640501eff35010101400000fa00001388010", (640, 480), Unsaid, Limited, Bt709),
        ("Reolink", "67640033ac1514a0a02ff950", (640, 360), Unsaid, Limited, Bt601),
    ];
    for (name, hex, size, reordering, range, matrix) in rows {
        let sps = Sps::parse(&bytes(hex)).unwrap_or_else(|| panic!("{name} can't be read"));
        assert_eq!((sps.width, sps.height), size, "{name}");
        assert_eq!((sps.reordering, sps.colour.range, sps.colour.matrix), (reordering, range, matrix), "{name}");
    }
    let kind = |hex: &str| {
        let sps = Sps::parse(&bytes(hex)).unwrap();
        (sps.profile, sps.level, sps.chroma_format, sps.bit_depth, sps.interlaced)
    };
    assert_eq!(kind("6742c00ad9047b011000000300100000030140f1226480"), (66, 10, 1, 8, false));
    assert_eq!(kind("677a000abcd94527888fc044000003000400000300503c489658"), (122, 10, 2, 8, false));
    assert_eq!(kind("676e000aa6cd9477e2223011000003000100000300140f122596"), (110, 10, 1, 10, false));
    assert_eq!(kind("67640016acd940b424fd6022000003000200000300283e28532c"), (100, 22, 1, 8, true));
}

#[test]
fn what_cannot_be_is_refused() {
    for hex in ["", "67", "6742", "6742c00a"] {
        assert_eq!(Sps::parse(&bytes(hex)), None, "{hex}");
    }
    // Cropped to nothing, and larger than any level allows.
    let cut = |mbs: u32, crop: u32| {
        let head = Writer::default().u(8, 66).u(8, 0).u(8, 30).ue(0).ue(0).ue(2).ue(1).flag(false);
        head.ue(mbs - 1).ue(0).flag(true).flag(true).flag(true).ue(0).ue(crop).ue(0).ue(0).flag(false).nal(&[0x67])
    };
    assert!(Sps::parse(&cut(1, 7)).is_some_and(|sps| sps.width == 2));
    assert_eq!(Sps::parse(&cut(1, 8)), None);
    assert_eq!(Sps::parse(&cut(1, u32::MAX - 1)), None);
    assert_eq!(Sps::parse(&cut(5000, 0)), None);
}

/// The same parameter set without its usability information, as many cameras of Main profile send it.
pub(crate) fn without_usability_information(nal: &[u8]) -> Vec<u8> {
    let payload = rbsp(&nal[1..]);
    let bits = &mut Bits::new(&payload);
    let mut out = Writer::default();
    for _ in 0..3 {
        out = out.u(8, bits.u(8).unwrap());
    }
    assert_eq!(payload[0], 77, "a parameter set of Main profile");
    let copy = |out: Writer, bits: &mut Bits<'_>| out.ue(bits.ue().unwrap());
    for _ in 0..5 {
        // Id, log2_max_frame_num, order count type (0), log2_max_pic_order_cnt_lsb, reference frames.
        out = copy(out, bits);
    }
    out = out.flag(bits.flag().unwrap());
    out = copy(copy(out, bits), bits);
    out = out.flag(bits.flag().unwrap()).flag(bits.flag().unwrap());
    assert_eq!(bits.flag(), Some(false), "no cropping");
    out.flag(false).flag(false).nal(&nal[..1])
}

#[derive(Debug, Clone)]
struct Fields {
    profile: u8,
    chroma: u32,
    lists: Option<Vec<Option<Vec<i32>>>>,
    order: u32,
    cycle: Vec<i32>,
    mbs: (u32, u32),
    interlaced: bool,
    crop: Option<[u32; 4]>,
    hrd: u32,
    reorder: Option<u32>,
}

fn fields() -> impl Strategy<Value = Fields> {
    let profile = prop::sample::select(vec![66u8, 77, 88, 100, 110, 122, 244]);
    let list = prop::option::of(prop::collection::vec(-128i32..128, 64));
    let picture = ((1u32..200, 1u32..200), any::<bool>(), prop::option::of([0u32..4, 0u32..4, 0u32..2, 0u32..2]));
    let order = (0u32..3, prop::collection::vec(any::<i16>().prop_map(i32::from), 0..5));
    let chroma = (0u32..4, prop::option::of(prop::collection::vec(list, 12)));
    (profile, chroma, order, picture, 0u32..4, prop::option::of(0u32..5)).prop_map(
        |(profile, (chroma, lists), (order, cycle), (mbs, interlaced, crop), hrd, reorder)| Fields {
            profile,
            chroma,
            lists,
            order,
            cycle,
            mbs,
            interlaced,
            crop,
            hrd,
            reorder,
        },
    )
}

fn write(f: &Fields) -> Vec<u8> {
    let mut w = Writer::default().u(8, f.profile.into()).u(8, 0).u(8, 40).ue(3);
    if f.profile >= 100 {
        w = w.ue(f.chroma);
        if f.chroma == 3 {
            w = w.flag(false);
        }
        w = w.ue(0).ue(0).flag(false).flag(f.lists.is_some());
        for (i, list) in f.lists.iter().flatten().take(if f.chroma == 3 { 12 } else { 8 }).enumerate() {
            w = w.flag(list.is_some());
            // As §7.3.2.1.1.1 has it: deltas until the next scale is zero.
            let (mut last, mut next) = (8, 8);
            for delta in list.iter().flatten().take(if i < 6 { 16 } else { 64 }) {
                if next != 0 {
                    w = w.se(*delta);
                    next = (last + delta + 256) % 256;
                }
                last = if next == 0 { last } else { next };
            }
        }
    }
    w = w.ue(4).ue(f.order);
    w = match f.order {
        0 => w.ue(6),
        1 => {
            let w = w.flag(true).se(-2).se(5).ue(f.cycle.len() as u32);
            f.cycle.iter().fold(w, |w, &offset| w.se(offset))
        }
        _ => w,
    };
    w = w.ue(2).flag(false).ue(f.mbs.0 - 1).ue(f.mbs.1 - 1).flag(!f.interlaced);
    if f.interlaced {
        w = w.flag(true);
    }
    w = w.flag(true).flag(f.crop.is_some());
    w = f.crop.iter().flatten().fold(w, |w, &side| w.ue(side));
    // Aspect ratio of its own, overscan, colours, chroma location, timing.
    w = w.flag(true).flag(true).u(8, 255).u(16, 4).u(16, 3).flag(true).flag(false);
    w = w.flag(true).u(3, 5).flag(true).flag(true).u(8, 1).u(8, 1).u(8, 1).flag(true).ue(0).ue(0);
    w = w.flag(true).u(32, 1).u(32, 60).flag(true);
    for hrd in [1, 2] {
        w = w.flag(f.hrd & hrd != 0);
        if f.hrd & hrd != 0 {
            w = w.ue(1).u(4, 0).u(4, 0).ue(100).ue(70_000).flag(true).ue(5).ue(6).flag(false).u(20, 0xabcde);
        }
    }
    if f.hrd != 0 {
        w = w.flag(true);
    }
    w = w.flag(true).flag(f.reorder.is_some());
    if let Some(frames) = f.reorder {
        w = w.flag(true).ue(0).ue(0).ue(16).ue(16).ue(frames).ue(4);
    }
    w.nal(&[0x67])
}

proptest! {
    #[test]
    fn any_parameter_set_reads_back_as_written(f in fields()) {
        let chroma = if f.profile >= 100 { f.chroma } else { 1 };
        let field = 1 + u32::from(f.interlaced);
        let unit = match chroma { 1 => (2, 2 * field), 2 => (2, field), _ => (1, field) };
        let crop = f.crop.unwrap_or_default();
        let width = f.mbs.0 * 16 - (crop[0] + crop[1]) * unit.0;
        let height = f.mbs.1 * 16 * field - (crop[2] + crop[3]) * unit.1;
        let reordering = match f.reorder {
            Some(0) => Reordering::Never,
            Some(_) => Reordering::Announced,
            None if f.profile == 66 || f.order == 2 => Reordering::Never,
            None => Reordering::Unsaid,
        };
        let nal = write(&f);
        let sps = Sps::parse(&nal).expect("written by the standard");
        prop_assert_eq!((sps.width, sps.height, sps.reordering), (width, height, reordering));
        prop_assert_eq!((sps.colour.range, sps.colour.matrix), (Range::Full, Matrix::Bt709));
        prop_assert_eq!((u32::from(sps.chroma_format), sps.interlaced), (chroma, f.interlaced));
        for end in 0..nal.len() {
            let _read = Sps::parse(&nal[..end]);
        }
    }
}

#[test]
fn a_missing_picture_shows_in_the_numbers_of_those_that_follow() {
    let stream = std::fs::read(crate::footage::path("vtest.h264")).unwrap();
    let units = crate::bitstream::access_unit::split_access_units(&stream);
    let mut numbers = FrameNumbers::default();
    numbers.announced(&Sps::find(units[0]).unwrap());
    for (n, unit) in units.iter().enumerate().filter(|(n, _)| *n != 30) {
        assert_eq!(numbers.is_gap_before(unit), n == 31, "at {n}");
    }
}
