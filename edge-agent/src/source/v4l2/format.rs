//! Which of a device's formats is taken.

use std::fmt;

use serde::Deserialize;

/// A format that is understood here, by the names that ffmpeg and go2rtc have for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Access units, which go on as they are.
    H264,
    /// JPEGs.
    Mjpeg,
    /// Packed 4:2:2.
    #[serde(rename = "yuyv422")]
    Yuyv,
    /// 4:2:0.
    Nv12,
}

/// The driver's word for a format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii().to_string().trim_end())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// By preference: what the camera codes costs nothing here; JPEGs come over USB 2 at any size and rate, raw pictures only
/// when they are small or few.
const KNOWN: [(Encoding, FourCc); 5] = [
    (Encoding::H264, FourCc(*b"H264")),
    (Encoding::Mjpeg, FourCc(*b"MJPG")),
    (Encoding::Mjpeg, FourCc(*b"JPEG")),
    (Encoding::Yuyv, FourCc(*b"YUYV")),
    (Encoding::Nv12, FourCc(*b"NV12")),
];

/// What can be tried of what is `offered`, the best first; only what was `asked` for where something was.
pub fn candidates(offered: &[FourCc], asked: Option<Encoding>) -> Vec<(Encoding, FourCc)> {
    let fits =
        |(encoding, name): &(Encoding, FourCc)| offered.contains(name) && asked.is_none_or(|asked| asked == *encoding);
    KNOWN.into_iter().filter(fits).collect()
}

/// What the driver has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Its format.
    pub name: FourCc,
    /// Width and height.
    pub size: (u32, u32),
}

/// Whether that will do for the candidate `name`: a driver sets what is nearest, which need not be near. A size that was
/// `asked` for is meant.
pub fn is_as_asked(set: Set, name: FourCc, asked: Option<(u32, u32)>) -> bool {
    set.name == name && asked.is_none_or(|size| size == set.size)
}

/// Words for what was asked for.
pub fn asked_for(encoding: Option<Encoding>, size: Option<(u32, u32)>) -> String {
    let names = KNOWN.iter().filter(|(known, _)| encoding.is_none_or(|asked| asked == *known));
    let names: Vec<_> = names.map(|(_, name)| name.to_string()).collect();
    let size = size.map(|(width, height)| format!(" of {width}x{height}")).unwrap_or_default();
    format!("expected {}{size}", names.join(", "))
}

/// Reads `1280x720`.
pub fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| *side > 0);
    Some((side(width)?, side(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(offered: &[&[u8; 4]], asked: Option<Encoding>) -> Vec<String> {
        let offered: Vec<_> = offered.iter().map(|name| FourCc(**name)).collect();
        candidates(&offered, asked).iter().map(|(_, name)| name.to_string()).collect()
    }

    #[test]
    fn the_best_that_is_offered_is_tried_first() {
        let offered = [b"YUYV", b"MJPG", b"NV12", b"BA81", b"H264"];
        assert_eq!(names(&offered, None), ["H264", "MJPG", "YUYV", "NV12"]);
        assert_eq!(names(&offered, Some(Encoding::Yuyv)), ["YUYV"]);
        assert_eq!(names(&offered[..1], Some(Encoding::Mjpeg)), [""; 0]);
        assert_eq!(names(&[b"JPEG"], Some(Encoding::Mjpeg)), ["JPEG"]);
        assert_eq!(names(&[b"BA81", b"Y16 "], None), [""; 0]);
    }

    #[test]
    fn another_format_than_asked_for_will_not_do_and_another_size_only_where_none_was() {
        let (yuyv, mjpg) = (FourCc(*b"YUYV"), FourCc(*b"MJPG"));
        let set = Set { name: yuyv, size: (640, 480) };
        assert!(is_as_asked(set, yuyv, None) && is_as_asked(set, yuyv, Some((640, 480))));
        assert!(!is_as_asked(set, yuyv, Some((1280, 720))) && !is_as_asked(set, mjpg, None));
    }

    #[test]
    fn names_and_sizes_are_read_and_said() {
        assert_eq!(size("1280x720"), Some((1280, 720)));
        for wrong in ["", "1280", "1280x", "x720", "0x720", "-1x2", "1280x720x3", "1280 x 720"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(asked_for(None, None), "expected H264, MJPG, JPEG, YUYV, NV12");
        assert_eq!(asked_for(Some(Encoding::Nv12), Some((64, 48))), "expected NV12 of 64x48");
        assert_eq!(FourCc(*b"Y16 ").to_string(), "Y16");
        assert_eq!(FourCc([0, 255, b'a', b'b']).to_string(), "\\x00\\xffab");
    }
}
