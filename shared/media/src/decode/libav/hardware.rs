//! Video decoders in hardware, by libavcodec.
//!
//! NVDEC and VA-API work beneath libavcodec's own decoder, which reads the stream and knows the order of pictures: a
//! picture comes out as soon as in software, and a stream that the device does not take is decoded in software without a
//! word. Their pictures lie in the device's memory and are copied back as NV12. V4L2's memory-to-memory decoders, of small
//! boards, are decoders of their own, whose pictures come some units late.
//!
//! Unsafe code, as in one other file of the house: nothing safe asks libavcodec for its devices.
#![expect(unsafe_code, reason = "libavcodec's devices have no safe interface")]

use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use ffmpeg_next as ffmpeg;

use ffmpeg::codec;
use ffmpeg::ffi::{self, AVHWDeviceType};
use ffmpeg::frame::Video;
use omma_protocol::unit::Codec;

/// Who decodes in hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Hardware {
    Nvdec,
    Vaapi,
    V4l2M2m,
}

impl Hardware {
    /// What a decoder of libavcodec is called that works with it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nvdec => "libavcodec with NVDEC",
            Self::Vaapi => "libavcodec with VA-API",
            Self::V4l2M2m => "libavcodec with V4L2 M2M",
        }
    }

    /// libavcodec's decoder for it, not yet opened.
    ///
    /// # Errors
    /// Why there is none on this machine.
    pub(super) fn context(self, codec: Codec) -> Result<codec::Context, String> {
        // All decoders of this program share one: a device takes memory of its own.
        static NVDEC: OnceLock<Result<Device, String>> = OnceLock::new();
        static VAAPI: OnceLock<Result<Device, String>> = OnceLock::new();
        let name = match codec {
            Codec::H264 => "h264",
            Codec::H265 => "hevc",
        };
        let device = match self {
            Self::Nvdec => Some((&NVDEC, AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA)),
            Self::Vaapi => Some((&VAAPI, AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI)),
            Self::V4l2M2m => None,
        };
        let name = if device.is_some() { name.to_owned() } else { format!("{name}_v4l2m2m") };
        let found = codec::decoder::find_by_name(&name).ok_or(format!("libavcodec was built without {name}"))?;
        let mut context = codec::Context::new_with_codec(found);
        if let Some((kept, kind)) = device {
            kept.get_or_init(|| Device::open(kind)).as_ref().map_err(Clone::clone)?.give_to(&mut context)?;
        }
        Ok(context)
    }
}

/// A device of libavutil's, opened.
struct Device(NonNull<ffi::AVBufferRef>);

// SAFETY: a reference to a device context, whose count is atomic; the context is not changed after it was initialised
// (libavutil/hwcontext.h), and it is only ever copied here, through `&self`.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

impl Device {
    /// The first of a kind.
    fn open(kind: AVHWDeviceType) -> Result<Self, String> {
        let mut device = ptr::null_mut();
        // SAFETY: `device` outlives the call, which writes a new reference into it or leaves it null; a null name asks for
        // the default device, and no options are given.
        let code = unsafe { ffi::av_hwdevice_ctx_create(&raw mut device, kind, ptr::null(), ptr::null_mut(), 0) };
        match NonNull::new(device) {
            Some(device) if code >= 0 => Ok(Self(device)),
            _ => Err(format!("no such device: {}", ffmpeg::Error::from(code))),
        }
    }

    /// Has a decoder that is not opened yet use it.
    fn give_to(&self, context: &mut codec::Context) -> Result<(), String> {
        // SAFETY: `self.0` is a valid reference as long as `self` is; the copy is null or a reference of its own.
        let copy = unsafe { ffi::av_buffer_ref(self.0.as_ptr()) };
        if copy.is_null() {
            return Err("no memory".to_owned());
        }
        // SAFETY: the context is valid and not shared; it owns what stands in this field, and frees it
        // (libavcodec/avcodec.h). Nothing stood in it before, as the context is new.
        unsafe { (*context.as_mut_ptr()).hw_device_ctx = copy };
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let mut device = self.0.as_ptr();
        // SAFETY: the reference is this one's own, and not used afterwards.
        unsafe { ffi::av_buffer_unref(&raw mut device) };
    }
}

/// Copies a picture that lies in a device's memory out of it, and gives the device's back. `spare` is overwritten.
///
/// # Errors
/// What the device says.
pub(super) fn fetch(picture: &mut Video, spare: &mut Video) -> Result<(), String> {
    // SAFETY: a `Video` holds a valid frame; the field is only compared.
    if unsafe { (*picture.as_ptr()).hw_frames_ctx.is_null() } {
        return Ok(());
    }
    // SAFETY: both frames are valid and not the same one. The empty destination is given buffers of its own, in the first
    // format that the device offers (libavutil/hwcontext.h).
    let code = unsafe {
        ffi::av_frame_unref(spare.as_mut_ptr());
        ffi::av_hwframe_transfer_data(spare.as_mut_ptr(), picture.as_ptr(), 0)
    };
    if code < 0 {
        return Err(format!("copy the picture from the device: {}", ffmpeg::Error::from(code)));
    }
    spare.set_color_range(picture.color_range());
    spare.set_color_space(picture.color_space());
    std::mem::swap(picture, spare);
    // SAFETY: the frame is valid and stays so, empty.
    unsafe { ffi::av_frame_unref(spare.as_mut_ptr()) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use ffmpeg::util::format::Pixel;

    use super::*;

    #[test]
    fn what_this_machine_does_not_have_is_said() {
        for hardware in [Hardware::Nvdec, Hardware::Vaapi] {
            match hardware.context(Codec::H264) {
                Ok(context) => assert!(is_given(&context), "{hardware:?}"),
                Err(why) => assert!(why.starts_with("no such device: "), "{hardware:?}: {why}"),
            }
        }
    }

    fn is_given(context: &codec::Context) -> bool {
        // SAFETY: the context is valid; the field is only compared.
        unsafe { !(*context.as_ptr()).hw_device_ctx.is_null() }
    }

    #[test]
    fn a_picture_in_memory_is_not_fetched() {
        let (mut picture, mut spare) = (Video::new(Pixel::NV12, 64, 32), Video::empty());
        assert_eq!(fetch(&mut picture, &mut spare), Ok(()));
        assert_eq!((picture.format(), spare.format()), (Pixel::NV12, Pixel::None));
    }
}
