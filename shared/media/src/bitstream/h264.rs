//! What an H.264 stream says of itself without being decoded (ITU-T H.264 §7.3, Annex E).

use super::bits::{Bits, rbsp};
use super::nal::{Nal, nals};
use crate::frame::{Colour, Matrix, Range};

/// `nal_unit_type` of a slice of an IDR picture.
pub const IDR: u8 = 5;
/// `nal_unit_type` of a sequence parameter set.
pub const SPS: u8 = 7;
/// `nal_unit_type` of a picture parameter set.
pub const PPS: u8 = 8;

/// Whether pictures may be shown in another order than they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reordering {
    /// Ruled out: each picture can be shown as soon as it is decoded.
    Never,
    /// Not ruled out. Most cameras of Main and High profile say nothing and send no B slices, so that this counts as
    /// "no" until [`has_b_slice`] finds one.
    Unsaid,
    /// Announced: `max_num_reorder_frames` is over zero.
    Announced,
}

/// A sequence parameter set (§7.3.2.1.1), as far as anyone here needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`: 66 Baseline, 77 Main, 88 Extended, 100 High ….
    pub profile: u8,
    /// The six `constraint_set` flags, `constraint_set0_flag` as the highest bit.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// Width in luma samples after cropping.
    pub width: u32,
    /// Height in luma samples after cropping.
    pub height: u32,
    /// Whether pictures may be shown in another order than they are sent.
    pub reordering: Reordering,
    /// `chroma_format_idc`: 0 grey, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
    pub chroma_format: u8,
    /// Bits a sample, the larger of luma and chroma.
    pub bit_depth: u8,
    /// Whether pictures may be coded as fields or have field macroblocks: `frame_mbs_only_flag` is 0.
    pub interlaced: bool,
    /// Bits of `frame_num` in a slice header, 4 to 16.
    pub frame_num_bits: u32,
    /// `gaps_in_frame_num_value_allowed_flag`: numbers may be passed over.
    pub frame_num_gaps: bool,
    /// What the samples mean. Where the stream says nothing, BT.709 from 720 rows on, as screens assume.
    pub colour: Colour,
}

impl Sps {
    /// Reads the NAL unit, header byte included. `None` where it ends early or says what can't be (a size of zero or
    /// over 16 384, more than 4:4:4 chroma).
    pub fn parse(nal: &[u8]) -> Option<Self> {
        let bytes = rbsp(nal.get(1..)?);
        let bits = &mut Bits::new(&bytes);
        let profile = bits.u(8)? as u8;
        let constraints = bits.u(8)? as u8;
        let level = bits.u(8)? as u8;
        bits.ue()?; // seq_parameter_set_id
        let chroma = if has_chroma_format(profile) { ChromaFormat::parse(bits)? } else { ChromaFormat::YUV420 };
        let frame_num_bits = bits.ue().filter(|&n| n <= 12)? + 4;
        let order_count_type = bits.ue()?;
        skip_order_count(bits, order_count_type)?;
        bits.ue()?; // max_num_ref_frames
        let frame_num_gaps = bits.flag()?;
        let width_in_mbs = bits.ue()?.checked_add(1)?;
        let height_in_map_units = bits.ue()?.checked_add(1)?;
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.flag()?; // mb_adaptive_frame_field_flag
        }
        bits.flag()?; // direct_8x8_inference_flag
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };

        // A unit of vertical cropping covers both fields where there are fields (§7.4.2.1.1).
        let field_rows = if frames_only { 1 } else { 2 };
        let (unit_x, unit_y) = (chroma.crop_x, chroma.crop_y * field_rows);
        let cropped = |size: u32, before: u32, after: u32, unit: u32| {
            let cut = before.checked_add(after)?.checked_mul(unit)?;
            size.checked_sub(cut).filter(|&left| left > 0 && left <= 16_384)
        };
        let width = cropped(width_in_mbs.checked_mul(16)?, crop[0], crop[1], unit_x)?;
        let height = cropped(height_in_map_units.checked_mul(16 * field_rows)?, crop[2], crop[3], unit_y)?;

        // Many cameras cut the usability information short; the size above is good all the same.
        let vui = bits.flag().filter(|&present| present).map(|_| Vui::parse(bits)).unwrap_or_default();
        Some(Self {
            profile,
            constraints,
            level,
            width,
            height,
            reordering: reordering(profile, constraints, order_count_type, vui.max_reorder_frames),
            chroma_format: chroma.format,
            bit_depth: chroma.bit_depth,
            interlaced: !frames_only,
            frame_num_bits,
            frame_num_gaps,
            colour: Colour { range: vui.range, matrix: vui.matrix.unwrap_or(Colour::guess(height).matrix) },
        })
    }

    /// The first one in a byte stream that can be read.
    pub fn find(stream: &[u8]) -> Option<Self> {
        nals(stream).filter(|nal| nal.h264_type() == SPS).find_map(|nal| Self::parse(nal.bytes))
    }
}

fn reordering(profile: u8, constraints: u8, order_count_type: u32, max_reorder_frames: Option<u32>) -> Reordering {
    const BASELINE: u8 = 66;
    const CONSTRAINT_SET3: u8 = 0x10;
    match max_reorder_frames {
        Some(0) => Reordering::Never,
        Some(_) => Reordering::Announced,
        None if profile == BASELINE || order_count_type == 2 => Reordering::Never,
        // Intra-only profiles: zero is inferred (§E.2.1).
        None if matches!(profile, 44 | 86 | 100 | 110 | 122 | 244) && constraints & CONSTRAINT_SET3 != 0 => {
            Reordering::Never
        }
        None => Reordering::Unsaid,
    }
}

/// Whether the profile's parameter set speaks of chroma, bit depth and scaling lists (§7.3.2.1.1).
fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244)
}

struct ChromaFormat {
    format: u8,
    bit_depth: u8,
    /// What one unit of cropping is in luma samples (Table 6-1).
    crop_x: u32,
    crop_y: u32,
}

impl ChromaFormat {
    const YUV420: Self = Self { format: 1, bit_depth: 8, crop_x: 2, crop_y: 2 };

    fn parse(bits: &mut Bits<'_>) -> Option<Self> {
        let format = bits.ue()?;
        if format == 3 {
            bits.flag()?; // separate_colour_plane_flag
        }
        let bit_depth = bits.ue()?.max(bits.ue()?).checked_add(8)?; // bit_depth_luma_minus8, bit_depth_chroma_minus8
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            for list in 0..if format == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        let (crop_x, crop_y) = match format {
            1 => (2, 2),
            2 => (2, 1),
            0 | 3 => (1, 1),
            _ => return None,
        };
        Some(Self { format: format as u8, bit_depth: u8::try_from(bit_depth).ok()?, crop_x, crop_y })
    }
}

/// §7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = (last.checked_add(bits.se()?)?.checked_add(256)?) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>, order_count_type: u32) -> Option<()> {
    match order_count_type {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            let cycle = bits.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.se()?; // offset_for_ref_frame
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

/// Video usability information (§E.1.1).
#[derive(Default)]
struct Vui {
    range: Range,
    matrix: Option<Matrix>,
    max_reorder_frames: Option<u32>,
}

impl Vui {
    /// Gives what can be read before the bytes end.
    fn parse(bits: &mut Bits<'_>) -> Self {
        let mut vui = Self::default();
        // An early end loses what comes behind it and nothing else.
        let _end: Option<()> = vui.read(bits);
        vui
    }

    fn read(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        const EXTENDED_SAR: u32 = 255;
        if bits.flag()? && bits.u(8)? == EXTENDED_SAR {
            bits.skip(32)?; // sar_width, sar_height
        }
        if bits.flag()? {
            bits.flag()?; // overscan_appropriate_flag
        }
        if bits.flag()? {
            bits.skip(3)?; // video_format
            self.range = if bits.flag()? { Range::Full } else { Range::Limited };
            if bits.flag()? {
                bits.skip(16)?; // colour_primaries, transfer_characteristics
                self.matrix = match bits.u(8)? {
                    1 => Some(Matrix::Bt709),
                    5 | 6 => Some(Matrix::Bt601),
                    _ => None,
                };
            }
        }
        if bits.flag()? {
            bits.ue()?; // chroma_sample_loc_type_top_field
            bits.ue()?; // chroma_sample_loc_type_bottom_field
        }
        if bits.flag()? {
            bits.skip(65)?; // num_units_in_tick, time_scale, fixed_frame_rate_flag
        }
        let nal_hrd = bits.flag()?;
        if nal_hrd {
            skip_hrd(bits)?;
        }
        let vcl_hrd = bits.flag()?;
        if vcl_hrd {
            skip_hrd(bits)?;
        }
        if nal_hrd || vcl_hrd {
            bits.flag()?; // low_delay_hrd_flag
        }
        bits.flag()?; // pic_struct_present_flag
        if bits.flag()? {
            bits.flag()?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                bits.ue()?; // max_bytes_per_pic_denom … log2_max_mv_length_vertical
            }
            self.max_reorder_frames = Some(bits.ue()?);
        }
        Some(())
    }
}

/// §E.1.2.
fn skip_hrd(bits: &mut Bits<'_>) -> Option<()> {
    let schedules = bits.ue()?;
    if schedules > 31 {
        return None;
    }
    bits.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=schedules {
        bits.ue()?; // bit_rate_value_minus1
        bits.ue()?; // cpb_size_value_minus1
        bits.flag()?; // cbr_flag
    }
    bits.skip(20) // lengths of the delays and of time_offset
}

/// Whether any slice of an access unit is a B slice, which refers to pictures shown later.
pub fn has_b_slice(stream: &[u8]) -> bool {
    const B: u32 = 1;
    nals(stream).any(|nal| slice_head(&nal).is_some_and(|head| head.slice_type % 5 == B))
}

/// Finds pictures that are missing because a later one refers to them: their numbers are (§7.4.3, `frame_num`). A
/// missing picture that none refers to leaves no trace, and does no harm.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameNumbers {
    /// Bits of a number; `None` where gaps are allowed or nothing is known.
    bits: Option<u32>,
    /// `PrevRefFrameNum`.
    previous: u32,
}

impl FrameNumbers {
    /// A new parameter set is in force.
    pub fn announced(&mut self, sps: &Sps) {
        self.bits = (!sps.frame_num_gaps && !sps.interlaced && sps.chroma_format < 3).then_some(sps.frame_num_bits);
    }

    /// Takes the next access unit. Whether a picture is missing before it.
    pub fn is_gap_before(&mut self, stream: &[u8]) -> bool {
        let Some(bits) = self.bits else { return false };
        let Some(slice) = nals(stream).find(|nal| matches!(nal.h264_type(), 1 | 2 | IDR)) else { return false };
        let Some(number) = frame_num(&slice, bits) else { return false };
        let next = (self.previous + 1) % (1 << bits);
        let gap = slice.h264_type() != IDR && number != self.previous && number != next;
        let is_reference = slice.bytes[0] >> 5 & 3 != 0;
        if is_reference {
            self.previous = number;
        }
        gap
    }
}

fn frame_num(slice: &Nal<'_>, width: u32) -> Option<u32> {
    let bytes = rbsp(slice.bytes.get(1..)?.get(..36).unwrap_or(&slice.bytes[1..]));
    let mut bits = Bits::new(&bytes);
    bits.ue()?; // first_mb_in_slice
    bits.ue()?; // slice_type
    bits.ue()?; // pic_parameter_set_id
    bits.u(width)
}

/// The first fields of a slice header (§7.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SliceHead {
    pub(super) first_macroblock: u32,
    pub(super) slice_type: u32,
}

/// `None` for what is not a slice with a header: data partitions B and C have none.
pub(super) fn slice_head(nal: &Nal<'_>) -> Option<SliceHead> {
    if !matches!(nal.h264_type(), 1 | 2 | IDR) {
        return None;
    }
    // Two exponential Golomb codes of up to 63 bits each, with room for emulation prevention bytes.
    let bytes = rbsp(nal.bytes.get(1..)?.get(..24).unwrap_or(&nal.bytes[1..]));
    let mut bits = Bits::new(&bytes);
    Some(SliceHead { first_macroblock: bits.ue()?, slice_type: bits.ue()? })
}
