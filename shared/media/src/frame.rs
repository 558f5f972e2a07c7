//! Decoded pictures and the pool their memory comes from.
//!
//! A picture is copied once at the most, from the decoder's memory into a [`Frame`], and shared from then on: libavcodec
//! gives its memory away instead. The [`FramePool`]
//! keeps a handle on each frame it made; a frame that nobody else holds any more is filled again, so that in steady
//! state no memory is asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use omma_protocol::time::CaptureTime;

/// A planar 4:2:0 picture of 8 bits, borrowed from a decoder or a [`Frame`].
///
/// `y` has `height` rows of `width` samples, each row `y_stride` bytes after the one before; `u` (Cb) and `v` (Cr)
/// have [`Planes::chroma_height`] rows of [`Planes::chroma_width`] samples, `uv_stride` apart. What lies between the
/// end of a row and the next is padding. Use [`Planes::is_sound`] before indexing into planes of unknown origin.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    /// Width in luma samples.
    pub width: u32,
    /// Height in luma samples.
    pub height: u32,
    /// Luma.
    pub y: &'a [u8],
    /// Blue difference.
    pub u: &'a [u8],
    /// Red difference.
    pub v: &'a [u8],
    /// Bytes from one luma row to the next.
    pub y_stride: usize,
    /// Bytes from one chroma row to the next.
    pub uv_stride: usize,
    /// What the samples mean.
    pub colour: Colour,
}

impl Planes<'_> {
    /// Samples in a chroma row.
    pub fn chroma_width(&self) -> u32 {
        self.width.div_ceil(2)
    }

    /// Rows of chroma.
    pub fn chroma_height(&self) -> u32 {
        self.height.div_ceil(2)
    }

    /// Whether there is a picture at all and every row lies within its plane.
    pub fn is_sound(&self) -> bool {
        let holds = |plane: &[u8], stride: usize, width: u32, height: u32| {
            let (width, height) = (width as usize, height as usize);
            let last = height.checked_sub(1).and_then(|rows| rows.checked_mul(stride));
            width > 0 && stride >= width && last.and_then(|l| l.checked_add(width)).is_some_and(|n| n <= plane.len())
        };
        holds(self.y, self.y_stride, self.width, self.height)
            && holds(self.u, self.uv_stride, self.chroma_width(), self.chroma_height())
            && holds(self.v, self.uv_stride, self.chroma_width(), self.chroma_height())
    }
}

/// What YCbCr samples mean (H.264 §E.2.1). The default is what most streams that say nothing are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Colour {
    /// Which values are black and white.
    pub range: Range,
    /// How luma and chroma follow from red, green and blue.
    pub matrix: Matrix,
}

impl Colour {
    /// Of a stream that says nothing, with pictures of so many rows: BT.709 from 720 rows on, as screens assume.
    pub fn guess(height: u32) -> Self {
        let matrix = if height >= 720 { Matrix::Bt709 } else { Matrix::Bt601 };
        Self { range: Range::default(), matrix }
    }
}

/// Which values are black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240.
    #[default]
    Limited,
    /// All of 0 to 255.
    Full,
}

/// How luma and chroma follow from red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and JFIF.
    #[default]
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// One decoded picture. Made by [`FramePool::copy`], or by a decoder that gives it away, and shared as `Arc<Frame>`.
#[derive(Debug)]
pub struct Frame {
    /// When it was taken.
    pub time: CaptureTime,
    /// Width in luma samples.
    pub width: u32,
    /// Height in luma samples.
    pub height: u32,
    colour: Colour,
    /// The three planes, one behind the other, rows without padding.
    samples: Vec<u8>,
    /// Where the decoder has put them, and not in `samples`.
    #[cfg(feature = "libav")]
    given: Option<crate::decode::libav::Given>,
}

impl Frame {
    /// The picture.
    pub fn planes(&self) -> Planes<'_> {
        #[cfg(feature = "libav")]
        if let Some(given) = &self.given {
            return given.planes(self.colour);
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let (chroma_width, luma) = (width.div_ceil(2), width * height);
        let chroma = chroma_width * height.div_ceil(2);
        let (y, rest) = self.samples.split_at(luma);
        let (u, v) = rest.split_at(chroma);
        let colour = self.colour;
        Planes { width: self.width, height: self.height, y, u, v, y_stride: width, uv_stride: chroma_width, colour }
    }

    fn empty() -> Self {
        Self {
            time: CaptureTime(0),
            width: 0,
            height: 0,
            colour: Colour::default(),
            samples: vec![],
            #[cfg(feature = "libav")]
            given: None,
        }
    }

    #[cfg(feature = "libav")]
    pub(crate) fn given(given: crate::decode::libav::Given, colour: Colour, time: CaptureTime) -> Self {
        let Planes { width, height, .. } = given.planes(colour);
        Self { time, width, height, colour, given: Some(given), ..Self::empty() }
    }

    fn fill(&mut self, planes: Planes<'_>, time: CaptureTime) {
        let (width, height) = (planes.width as usize, planes.height as usize);
        let (chroma_width, luma) = (width.div_ceil(2), width * height);
        let chroma = chroma_width * height.div_ceil(2);
        self.samples.resize(luma + 2 * chroma, 0);
        let (y, rest) = self.samples.split_at_mut(luma);
        let (u, v) = rest.split_at_mut(chroma);
        copy_rows(planes.y, planes.y_stride, y, width);
        copy_rows(planes.u, planes.uv_stride, u, chroma_width);
        copy_rows(planes.v, planes.uv_stride, v, chroma_width);
        (self.time, self.width, self.height, self.colour) = (time, planes.width, planes.height, planes.colour);
    }
}

/// A source that is too short leaves the rest of the target as it was instead of panicking: see [`Planes::is_sound`].
fn copy_rows(from: &[u8], stride: usize, to: &mut [u8], width: usize) {
    for (from, to) in from.chunks(stride.max(1)).zip(to.chunks_exact_mut(width.max(1))) {
        let n = from.len().min(to.len());
        to[..n].copy_from_slice(&from[..n]);
    }
}

/// Where frames come from. Clones share one pool.
///
/// At most `capacity` frames are kept for use again. When all of them are still held somewhere, a further frame is
/// made that the pool does not keep, and counted: frames in flight are bounded by the queues that hold them, not here.
#[derive(Debug, Clone)]
pub struct FramePool {
    shelf: Arc<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    frames: Mutex<Vec<Arc<Frame>>>,
    capacity: usize,
    overflows: AtomicU64,
}

impl FramePool {
    /// A pool that keeps up to `capacity` frames. No memory is taken before the first picture.
    pub fn new(capacity: usize) -> Self {
        let shelf = Shelf { frames: Mutex::new(vec![]), capacity, overflows: AtomicU64::new(0) };
        Self { shelf: Arc::new(shelf) }
    }

    /// A frame with a copy of `planes`.
    pub fn copy(&self, planes: Planes<'_>, time: CaptureTime) -> Arc<Frame> {
        // The frame is taken off the shelf while it is filled, so that the lock is not held over a copy of megabytes.
        let mut frame = self.take_unused().unwrap_or_else(|| Arc::new(Frame::empty()));
        match Arc::get_mut(&mut frame) {
            Some(unused) => unused.fill(planes, time),
            None => {
                let mut fresh = Frame::empty();
                fresh.fill(planes, time);
                frame = Arc::new(fresh);
            }
        }
        self.keep(&frame);
        frame
    }

    /// Frames that had to be made because every kept one was still held.
    pub fn overflows(&self) -> u64 {
        self.shelf.overflows.load(Ordering::Relaxed)
    }

    fn take_unused(&self) -> Option<Arc<Frame>> {
        let mut frames = self.shelf.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = frames.iter_mut().position(|frame| Arc::get_mut(frame).is_some())?;
        Some(frames.swap_remove(unused))
    }

    fn keep(&self, frame: &Arc<Frame>) {
        let mut frames = self.shelf.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if frames.len() < self.shelf.capacity {
            frames.push(Arc::clone(frame));
        } else {
            self.shelf.overflows.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(data: &[u8], width: u32, height: u32, stride: usize) -> Planes<'_> {
        let colour = Colour::default();
        Planes { width, height, y: data, u: data, v: data, y_stride: stride, uv_stride: stride, colour }
    }

    #[test]
    fn a_frame_is_the_picture_without_its_padding() {
        let data: Vec<u8> = (0..64).collect();
        let frame = FramePool::new(1).copy(planes(&data, 5, 3, 8), CaptureTime(7));
        let got = frame.planes();
        assert_eq!(got.y, [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 16, 17, 18, 19, 20]);
        assert_eq!((got.u, got.v), (&[0, 1, 2, 8, 9, 10][..], &[0, 1, 2, 8, 9, 10][..]));
        assert!(got.is_sound() && frame.time == CaptureTime(7));
    }

    #[test]
    fn memory_comes_back_when_the_last_holder_lets_go() {
        let (pool, data) = (FramePool::new(2), [0u8; 64]);
        let first = pool.copy(planes(&data, 8, 4, 8), CaptureTime(1));
        let address = first.planes().y.as_ptr();
        let held = Arc::clone(&first);
        drop(first);
        let second = pool.copy(planes(&data, 8, 4, 8), CaptureTime(2));
        assert_ne!(second.planes().y.as_ptr(), address, "a frame that is still held must not be written to");
        assert_eq!(held.time, CaptureTime(1));
        drop(held);
        let third = pool.copy(planes(&data, 4, 4, 8), CaptureTime(3));
        assert_eq!(third.planes().y.as_ptr(), address);
        assert_eq!(pool.overflows(), 0);
        let fourth = pool.copy(planes(&data, 8, 4, 8), CaptureTime(4));
        assert_eq!((pool.overflows(), fourth.time), (1, CaptureTime(4)));
    }

    #[test]
    fn planes_that_are_too_short_are_told_and_do_not_panic() {
        let data = [1u8; 20];
        for (width, height, stride) in
            [(8, 4, 8), (8, 2, 4), (0, 2, 8), (4, 0, 4), (u32::MAX, 1, 8), (1, 2, usize::MAX)]
        {
            assert!(!planes(&data, width, height, stride).is_sound(), "{width}x{height} stride {stride}");
        }
        let frame = FramePool::new(1).copy(planes(&data, 8, 4, 0), CaptureTime(0));
        assert_eq!(frame.planes().y.len(), 32);
    }
}
