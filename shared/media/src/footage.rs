//! Real footage and ffmpeg, for tests: ffmpeg's decoders are the reference that ours are measured against.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use crate::bitstream::access_unit::split_access_units;
use crate::bitstream::{detect_codec, is_key};
use crate::frame::Planes;

/// A file of the footage that `make setup` brings.
pub(crate) fn path(name: &str) -> PathBuf {
    let folder = std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE is not set: run `make setup`, then `make test`");
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "{} is missing: run `make setup`", path.display());
    path
}

/// The units of a byte stream, `fps` of them a second.
pub(crate) fn units(stream: &[u8], fps: u32) -> Vec<AccessUnit> {
    let begin = CaptureTime(1_700_000_000_000_000);
    let codec = detect_codec(stream).unwrap_or(Codec::H264);
    let unit = |(i, data): (usize, &[u8])| AccessUnit {
        time: begin + Duration::from_secs(1) * i as u32 / fps,
        key: is_key(codec, data),
        codec,
        data: Bytes::copy_from_slice(data),
    };
    split_access_units(stream).into_iter().enumerate().map(unit).collect()
}

/// Runs ffmpeg or ffprobe over `input` and gives what it writes.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-v", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} can't be started ({error}): run `make setup`"));
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut output = vec![];
    std::thread::scope(|scope| {
        // It may stop reading before the end, when it has the frames it was asked for.
        scope.spawn(move || drop(stdin.write_all(input)));
        stdout.read_to_end(&mut output).unwrap();
    });
    assert!(child.wait().unwrap().success(), "{program} {arguments:?} failed");
    output
}

/// The first `frames` pictures of a byte stream, decoded by ffmpeg, one behind the other without padding.
pub(crate) fn reference(stream: &[u8], frames: usize) -> Vec<u8> {
    let frames = frames.to_string();
    let format = if detect_codec(stream) == Some(Codec::H265) { "hevc" } else { "h264" };
    let output = ["-frames:v", &frames, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"];
    run("ffmpeg", &[&["-f", format, "-i", "-"], &output[..]].concat(), stream)
}

/// The picture without padding, as [`reference`] has it.
pub(crate) fn packed(planes: &Planes<'_>) -> Vec<u8> {
    let rows = |plane: &[u8], stride: usize, width: u32, height: u32| {
        plane.chunks(stride).take(height as usize).flat_map(|row| row[..width as usize].to_vec()).collect::<Vec<_>>()
    };
    let (width, height) = (planes.chroma_width(), planes.chroma_height());
    [
        rows(planes.y, planes.y_stride, planes.width, planes.height),
        rows(planes.u, planes.uv_stride, width, height),
        rows(planes.v, planes.uv_stride, width, height),
    ]
    .concat()
}
