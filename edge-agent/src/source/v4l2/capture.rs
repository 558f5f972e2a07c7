//! What the thread does: it opens the device, sets what is asked for, and takes picture after picture.

use std::convert::Infallible;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use nix::sys::stat::major;
use nix::time::{ClockId, clock_gettime};
use omma_media::raw::{self, Layout};
use omma_runtime::step::Step;
use tokio::sync::{mpsc, oneshot};
use v4l::buffer::{Flags, Metadata, Type};
use v4l::device::{Device, Handle};
use v4l::format::{Format, FourCC};
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream as Buffers;
use v4l::io::traits::CaptureStream;
use v4l::video::capture::Parameters;
use v4l::video::traits::Capture;

use super::Stream;
use super::error::DeviceError;
use super::format::{Encoding, FourCc, Set, asked_for, candidates, is_as_asked};
use super::stamp;
use super::units::{Units, force_key_picture};
use crate::config::checked::DeviceOptions;
use crate::source::encoded::{Encoded, Picture, Shot};
use crate::source::error::SourceError;
use crate::step;

/// Of the kernel: one that is copied, one that is filled, and two for a thread that is late.
const BUFFERS: u32 = 4;
/// Units that wait. While all wait none is taken, and the driver drops what has no buffer.
const UNITS: usize = 16;
/// Longest wait for the first picture: a webcam may need 3 s to wake up.
const FIRST_PICTURE: Duration = Duration::from_secs(6);
/// How often it is looked whether anybody still wants pictures, ms.
const LOOK_UP: i32 = 200;
/// POLLIN of poll(2).
const READABLE: i16 = 1;
/// The kernel's number for V4L2 devices (its `devices.txt`). Nothing else is opened: to open may be to act.
const VIDEO4LINUX: u64 = 81;
/// Where no size is asked for, what is nearest to this.
const NEAR: (u32, u32) = (1280, 720);
/// A longer gap in a driver's numbers is none: it began to count anew.
const LONGEST_GAP: u32 = 1000;
/// Most formats that an error names, and most sizes of each.
const TOLD: usize = 8;

/// Runs until the device fails or nobody takes its pictures any more.
pub(super) fn run(path: &Path, options: DeviceOptions, opened: oneshot::Sender<Result<Stream, SourceError>>) {
    let camera = match Camera::open(path, options) {
        Ok(camera) => camera,
        Err(e) => {
            // Nobody waits any more where the session was given up.
            opened.send(Err(e.into())).unwrap_or_default();
            return;
        }
    };
    match camera.encoding {
        Encoding::H264 => {
            let (sender, units) = mpsc::channel(UNITS);
            opened.send(Ok(Stream::Coded(units))).unwrap_or_default();
            let mut units = Units::new(|| force_key_picture(&camera.device), Instant::now());
            camera.pump(&sender, |data, taken| units.next(data, taken));
        }
        Encoding::Mjpeg => camera.show(opened, Picture::Jpeg),
        Encoding::Yuyv => camera.show(opened, camera.raw(Layout::Yuyv)),
        Encoding::Nv12 => camera.show(opened, camera.raw(Layout::Nv12)),
    }
}

struct Camera<'a> {
    path: &'a Path,
    device: Device,
    encoding: Encoding,
    set: Format,
}

impl<'a> Camera<'a> {
    fn open(path: &'a Path, options: DeviceOptions) -> Result<Self, DeviceError> {
        let failed = |doing: &'static str| move |e: io::Error| DeviceError::opening(path, doing, &e);
        let none = |reason| DeviceError::NoCamera { path: path.to_owned(), reason };
        let file = fs::metadata(path).map_err(failed("look for it"))?;
        if !file.file_type().is_char_device() || major(file.rdev()) != VIDEO4LINUX {
            return Err(none("it is no V4L2 device"));
        }
        let device = Device::with_path(path).map_err(failed("open it"))?;
        let about = device.query_caps().map_err(failed("ask what it is"))?;
        let formats = device.enum_formats().map_err(failed("ask for its formats"))?;
        let offered: Vec<_> = formats.iter().map(|format| FourCc(format.fourcc.repr)).collect();
        if offered.is_empty() {
            return Err(none("it has no formats; of a USB camera's two devices mostly the first has some"));
        }
        let (width, height) = options.size.unwrap_or(NEAR);
        for (encoding, name) in candidates(&offered, options.format) {
            let asked = Format::new(width, height, FourCC::new(&name.0));
            let set = device.set_format(&asked).map_err(failed("set its format"))?;
            let got = Set { name: FourCc(set.fourcc.repr), size: (set.width, set.height) };
            if is_as_asked(got, name, options.size) {
                // Some have one rate only, and refuse to hear of it.
                if let Err(error) = device.set_params(&Parameters::with_fps(options.rate)) {
                    tracing::debug!(device = %path.display(), %error, "no rate can be set");
                }
                let (width, height) = got.size;
                tracing::info!(device = %path.display(), card = about.card, format = %name, width, height, "opened");
                return Ok(Self { path, device, encoding, set });
            }
        }
        let asked = asked_for(options.format, options.size);
        Err(DeviceError::NoFormat { path: path.to_owned(), asked, offered: told(&device, &offered) })
    }

    fn raw(&self, layout: Layout) -> impl Fn(Bytes) -> Picture {
        let Format { width, height, stride, .. } = self.set;
        let row = match layout {
            Layout::Yuyv => width.saturating_mul(2),
            Layout::Nv12 => width,
        };
        // Some drivers leave the stride at zero.
        let format = raw::Format { layout, width, height, stride: stride.max(row) };
        move |data| Picture::Raw { format, data }
    }

    fn show(&self, opened: oneshot::Sender<Result<Stream, SourceError>>, picture: impl Fn(Bytes) -> Picture) {
        let (sender, shots) = mpsc::channel(1);
        opened.send(Ok(Stream::Pictures(Box::new(Encoded::new(shots))))).unwrap_or_default();
        self.pump(&sender, |data, taken| Some(Shot { picture: picture(Bytes::copy_from_slice(data)), taken }));
    }

    /// Hands over what `make` makes of each picture and the time that it was taken, and at last why there are no more.
    fn pump<T>(&self, to: &mpsc::Sender<Result<T, SourceError>>, make: impl FnMut(&[u8], Instant) -> Option<T>) {
        let Err(end) = self.take_all(to, make);
        to.blocking_send(Err(end)).unwrap_or_default();
    }

    fn take_all<T>(
        &self,
        to: &mpsc::Sender<Result<T, SourceError>>,
        mut make: impl FnMut(&[u8], Instant) -> Option<T>,
    ) -> Result<Infallible, SourceError> {
        let failed = |e: io::Error| SourceError::from(DeviceError::streaming(self.path, "take a picture", &e));
        let mut buffers = Buffers::with_buffers(&self.device, Type::VideoCapture, BUFFERS)
            .map_err(|e| DeviceError::opening(self.path, "ask for buffers", &e))?;
        buffers.set_timeout(FIRST_PICTURE);
        let (handle, step) = (self.device.handle(), Step::new(step::SOURCE));
        let mut last = None;
        loop {
            // Also where nothing comes that could be handed over.
            if to.is_closed() {
                return Err(SourceError::Closed);
            }
            // The first call begins the stream: before it there is nothing to wait for.
            if last.is_some() && !is_ready(&handle).map_err(failed)? {
                continue;
            }
            let (buffer, about) = match buffers.next() {
                Ok(next) => next,
                Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                    return Err(SourceError::Silent { seconds: FIRST_PICTURE.as_secs() });
                }
                Err(e) => return Err(failed(e)),
            };
            let taken = stamp::taken(stamp_of(about), monotonic(), Instant::now());
            let gap = last.map_or(0, |last| about.sequence.wrapping_sub(last).saturating_sub(1));
            if (1..LONGEST_GAP).contains(&gap) {
                step.dropped_many("picture missed", u64::from(gap));
            }
            last = Some(about.sequence);
            if about.flags.contains(Flags::ERROR) || about.bytesused == 0 {
                step.dropped("picture broken");
                continue;
            }
            let data = buffer.get(..about.bytesused as usize).unwrap_or(buffer);
            if let Some(made) = make(data, taken) {
                to.blocking_send(Ok(made)).map_err(|_| SourceError::Closed)?;
            }
        }
    }
}

/// Whether there is a picture, or the end.
fn is_ready(handle: &Handle) -> io::Result<bool> {
    match handle.poll(READABLE, LOOK_UP) {
        Ok(ready) => Ok(ready > 0),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(e) => Err(e),
    }
}

fn stamp_of(about: &Metadata) -> Option<Duration> {
    if about.flags & Flags::TIMESTAMP_MASK != Flags::TIMESTAMP_MONOTONIC {
        return None;
    }
    let seconds = u64::try_from(about.timestamp.sec).ok()?;
    let micros = u32::try_from(about.timestamp.usec).ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(micros.into()))
}

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// Formats and sizes for people.
fn told(device: &Device, offered: &[FourCc]) -> String {
    let sizes = |name: &FourCc| {
        let sizes = device.enum_framesizes(FourCC::new(&name.0)).unwrap_or_default();
        let texts = sizes.iter().take(TOLD).map(|size| match &size.size {
            FrameSizeEnum::Discrete(size) => format!("{}x{}", size.width, size.height),
            FrameSizeEnum::Stepwise(size) => {
                format!("{}x{} to {}x{}", size.min_width, size.min_height, size.max_width, size.max_height)
            }
        });
        texts.collect::<Vec<_>>().join(", ")
    };
    let more = if offered.len() > TOLD { ", …" } else { "" };
    let texts: Vec<_> = offered.iter().take(TOLD).map(|name| format!("{name} ({})", sizes(name))).collect();
    texts.join(", ") + more
}
