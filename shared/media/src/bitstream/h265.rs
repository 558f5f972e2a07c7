//! What an H.265 stream says of itself without being decoded (ITU-T H.265 §7.3).

use super::bits::{Bits, rbsp};
use super::nal::{Nal, nals};

/// `nal_unit_type` of a video parameter set.
pub const VPS: u8 = 32;
/// `nal_unit_type` of a sequence parameter set.
pub const SPS: u8 = 33;
/// `nal_unit_type` of a picture parameter set.
pub const PPS: u8 = 34;

/// Whether decoding can begin at a unit of this type: the intra random access points, BLA to CRA (Table 7-1).
pub(super) fn is_random_access(nal_type: u8) -> bool {
    (16..=21).contains(&nal_type)
}

/// Whether the slice is the first of its picture: `first_slice_segment_in_pic_flag` (§7.3.6.1).
pub(super) fn begins_picture(nal: &Nal<'_>) -> bool {
    nal.h265_type() < 32 && nal.bytes.get(2).is_some_and(|byte| byte & 0x80 != 0)
}

/// A sequence parameter set (§7.3.2.2.1), as far as anyone here needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `general_profile_idc`: 1 Main, 2 Main 10, 3 Main Still Picture, 4 format range extensions ….
    pub profile: u8,
    /// `general_level_idc`: thirty times the level.
    pub level: u8,
    /// Width in luma samples after cropping.
    pub width: u32,
    /// Height in luma samples after cropping.
    pub height: u32,
    /// `chroma_format_idc`: 0 grey, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
    pub chroma_format: u8,
    /// Bits a sample, the larger of luma and chroma.
    pub bit_depth: u8,
    /// Whether the source is interlaced: `general_interlaced_source_flag` without `general_progressive_source_flag`.
    pub interlaced: bool,
    /// Whether pictures may be shown in another order than they are sent. H.265 always says.
    pub reorders: bool,
}

impl Sps {
    /// Reads the NAL unit, header included. `None` where it ends early or says what can't be.
    pub fn parse(nal: &[u8]) -> Option<Self> {
        let bytes = rbsp(nal.get(2..)?);
        let bits = &mut Bits::new(&bytes);
        bits.skip(4)?; // sps_video_parameter_set_id
        let sub_layers = bits.u(3)?; // sps_max_sub_layers_minus1
        bits.flag()?; // sps_temporal_id_nesting_flag
        let general = General::parse(bits)?;
        skip_sub_layers(bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let chroma_format = bits.ue()?;
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            0 | 3 => (1, 1),
            _ => return None,
        };
        if chroma_format == 3 {
            bits.flag()?; // separate_colour_plane_flag
        }
        let (width, height) = (bits.ue()?, bits.ue()?);
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let bit_depth = bits.ue()?.max(bits.ue()?).checked_add(8)?; // bit_depth_luma_minus8, bit_depth_chroma_minus8
        bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        let all_sub_layers = bits.flag()?;
        let mut reorders = false;
        for _ in if all_sub_layers { 0 } else { sub_layers }..=sub_layers {
            bits.ue()?; // sps_max_dec_pic_buffering_minus1
            reorders = bits.ue()? > 0; // sps_max_num_reorder_pics of the highest sub-layer counts
            bits.ue()?; // sps_max_latency_increase_plus1
        }
        let cropped = |size: u32, before: u32, after: u32, unit: u32| {
            let cut = before.checked_add(after)?.checked_mul(unit)?;
            size.checked_sub(cut).filter(|&left| left > 0 && left <= 16_384)
        };
        Some(Self {
            profile: general.profile,
            level: general.level,
            width: cropped(width, crop[0], crop[1], unit_x)?,
            height: cropped(height, crop[2], crop[3], unit_y)?,
            chroma_format: chroma_format as u8,
            bit_depth: u8::try_from(bit_depth).ok()?,
            interlaced: general.interlaced,
            reorders,
        })
    }

    /// The first one in a byte stream that can be read.
    pub fn find(stream: &[u8]) -> Option<Self> {
        nals(stream).filter(|nal| nal.h265_type() == SPS).find_map(|nal| Self::parse(nal.bytes))
    }
}

/// The general part of §7.3.3, with `profilePresentFlag` set.
struct General {
    profile: u8,
    level: u8,
    interlaced: bool,
}

impl General {
    fn parse(bits: &mut Bits<'_>) -> Option<Self> {
        bits.skip(3)?; // general_profile_space, general_tier_flag
        let profile = bits.u(5)? as u8;
        bits.skip(32)?; // general_profile_compatibility_flag
        let (progressive, interlaced) = (bits.flag()?, bits.flag()?);
        bits.skip(46)?; // the other constraint flags
        Some(Self { profile, level: bits.u(8)? as u8, interlaced: interlaced && !progressive })
    }
}

/// The rest of §7.3.3.
fn skip_sub_layers(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE: usize = 88;
    const LEVEL: usize = 8;
    let mut present = vec![];
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?; // reserved_zero_2bits
    }
    for (profile, level) in present {
        bits.skip(if profile { PROFILE } else { 0 } + if level { LEVEL } else { 0 })?;
    }
    Some(())
}
