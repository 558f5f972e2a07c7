//! Cameras of this machine, as the kernel's driver `vivid` plays them. Left out but in the virtual machine of
//! `.ci/v4l2-vm`, which has such a camera at `/dev/video0`, `/unplug` to pull it out and `/replug` to plug it in again.
//! Where that has the module `v4l2loopback` too, `/dev/video1` shows what a program writes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use edge_agent::config::Transport;
use edge_agent::config::checked::DeviceOptions;
use edge_agent::source::v4l2::format::Encoding;
use omma_media::frame::{Colour, Planes};
use omma_media::jpeg;
use omma_protocol::camera::CameraState;
use v4l::device::Device;
use v4l::format::{Format, FourCC};
use v4l::video::traits::Output;

use crate::watched::Watcher;

const DEVICE: &str = "v4l2:///dev/video0";
/// Small: an emulated processor encodes it.
const SIZE: (u32, u32) = (320, 180);

fn watch(url: &str, format: Option<Encoding>) -> Watcher {
    Watcher::with(url, Transport::Auto, DeviceOptions { format, size: Some(SIZE), rate: 10 })
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn raw_pictures_play() {
    for format in [None, Some(Encoding::Yuyv), Some(Encoding::Nv12)] {
        let mut watcher = watch(DEVICE, format);
        watcher.decodes(20).await;
        watcher.state("live", |report| report.state == CameraState::Live).await;
        assert_eq!((watcher.beginnings, &watcher.widths), (1, &BTreeSet::from([SIZE.0])), "{format:?}");
        assert!(watcher.decoded >= 19, "only {} of 20 pictures came out", watcher.decoded);
    }
}

/// Writes a JPEG ten times a second.
fn write_jpegs(stop: &AtomicBool) {
    let (width, height) = SIZE;
    let (luma, chroma) = (vec![90; (width * height) as usize], vec![128; (width * height / 4) as usize]);
    let (y_stride, uv_stride) = (width as usize, width as usize / 2);
    let (u, v, colour) = (&chroma[..], &chroma[..], Colour::default());
    let planes = Planes { width, height, y: &luma, u, v, y_stride, uv_stride, colour };
    let jpeg = jpeg::encode(planes, None, 4096, 80).unwrap();
    let mut device = Device::with_path("/dev/video1").unwrap();
    Output::set_format(&device, &Format::new(width, height, FourCC::new(b"MJPG"))).unwrap();
    while !stop.load(Ordering::Relaxed) {
        device.write_all(&jpeg).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn jpegs_play() {
    let stop = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let stop = Arc::clone(&stop);
        move || write_jpegs(&stop)
    });
    let mut watcher = watch("v4l2:///dev/video1", None);
    watcher.decodes(20).await;
    assert_eq!(watcher.widths, BTreeSet::from([SIZE.0]));
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn a_camera_that_is_pulled_out_and_plugged_in_again() {
    let mut watcher = watch(DEVICE, None);
    watcher.decodes(10).await;
    run("sh", &["/unplug"]);
    watcher.fails("there is no device /dev/video0").await;
    run("sh", &["/replug"]);
    watcher.breaks_off_and_goes_on().await;
    watcher.decodes(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn a_camera_that_another_program_has() {
    let mut first = watch(DEVICE, None);
    first.decodes(5).await;
    let mut second = watch(DEVICE, None);
    second.fails("/dev/video0 is busy (EBUSY)").await;
    first.decodes(5).await;
    drop(first);
    second.decodes(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn what_is_no_camera_or_has_no_such_format_is_told() {
    watch("v4l2:///dev/video9", None).fails("there is no device /dev/video9").await;
    watch("v4l2:///dev/null", None).fails("it is no V4L2 device").await;
    let reason = watch(DEVICE, Some(Encoding::Mjpeg)).fails("expected MJPG, JPEG of 320x180").await;
    assert!(reason.contains("it offers") && reason.contains("YUYV (320x180"), "{reason}");
}
