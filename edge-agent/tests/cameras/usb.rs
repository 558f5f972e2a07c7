//! Cameras of this machine, as the kernel's driver `vivid` plays them. Left out but in the virtual machine of
//! `.ci/v4l2-vm`, which has such a camera at `/dev/video0`, and `/replug` to pull it out and plug it in again.

use std::collections::BTreeSet;
use std::process::Command;

use edge_agent::config::Transport;
use edge_agent::config::checked::DeviceOptions;
use edge_agent::source::v4l2::format::Encoding;
use omma_protocol::camera::CameraState;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only within the virtual machine of .ci/v4l2-vm"]
async fn a_camera_that_is_pulled_out_and_plugged_in_again() {
    let mut watcher = watch(DEVICE, None);
    watcher.decodes(10).await;
    run("v4l2-ctl", &["-d", "/dev/video0", "-c", "disconnect=1"]);
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
