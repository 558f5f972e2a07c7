//! A camera at this machine: USB, or whatever else has a V4L2 driver that gives whole pictures.
//!
//! ```text
//!                                  ┌─ H.264 ([`parameter_sets`]) ───────────────────▶ units (16)
//!  open ─▶ choose a ─▶ buffers of ─┤
//!          [`format`]  the kernel  └─ MJPEG, YUYV, NV12 ─▶ shots (1) ─▶ [`Encoded`] ─▶ units
//! ```
//!
//! A thread of its own asks the driver, whose calls may block; it ends within a fifth of a second after its [`Stream`] was
//! dropped; where the first picture is still to come, with that, or after 6 s. No second one is begun before
//! ([`DeviceLocks`]), so that a driver that hangs gathers no threads. Each picture is copied once, out of the kernel's buffer, which then goes back. When it was taken the driver says
//! ([`stamp`]).

pub mod error;

pub mod format;

pub mod stamp;

pub mod parameter_sets;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod capture;

#[cfg(not(all(feature = "v4l2", target_os = "linux")))]
#[path = "v4l2/absent.rs"]
mod capture;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use error::DeviceError;

use super::encoded::Encoded;
use super::error::SourceError;
use super::rtsp::Coded;
use crate::config::checked::DeviceOptions;

/// Why this build has no such cameras, and how to mend that; `None` where it has.
pub fn fault() -> Option<&'static str> {
    let missing = cfg!(not(all(feature = "v4l2", target_os = "linux")));
    missing.then_some("V4L2 is not in this build: build for Linux, with the feature `v4l2` of edge-agent")
}

/// How long an earlier thread may take to end before the device counts as busy: longer than one that waits for its first
/// picture does.
const PATIENCE: Duration = Duration::from_secs(7);

/// Whose thread may have a device open: one after the other's.
#[derive(Debug, Clone, Default)]
pub struct DeviceLock(Arc<Mutex<()>>);

/// The locks of all devices, which outlive the cameras that are set up for them.
#[derive(Debug, Clone, Default)]
pub struct DeviceLocks(Arc<std::sync::Mutex<BTreeMap<PathBuf, DeviceLock>>>);

impl DeviceLocks {
    /// That of a device.
    pub fn of(&self, device: &Path) -> DeviceLock {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of those that nobody has or waits for any more nothing need be known.
        locks.retain(|_, lock| Arc::strong_count(&lock.0) > 1);
        locks.entry(device.to_owned()).or_default().clone()
    }
}

/// A camera whose pictures come.
#[derive(Debug)]
pub enum Stream {
    /// It codes them itself.
    Coded(mpsc::Receiver<Result<Coded, SourceError>>),
    /// They are coded here.
    Pictures(Box<Encoded>),
}

impl Stream {
    /// The next access unit.
    ///
    /// # Errors
    /// When the stream is over.
    pub async fn next(&mut self) -> Result<Coded, SourceError> {
        match self {
            Self::Coded(units) => units.recv().await.unwrap_or(Err(SourceError::Closed)),
            Self::Pictures(encoded) => encoded.next().await,
        }
    }
}

/// Opens a device and has it begin.
///
/// # Errors
/// See [`error::DeviceError`].
pub async fn open(device: &Path, options: DeviceOptions, lock: &DeviceLock) -> Result<Stream, SourceError> {
    let device = device.to_owned();
    let Ok(held) = tokio::time::timeout(PATIENCE, Arc::clone(&lock.0).lock_owned()).await else {
        return Err(DeviceError::Busy(device).into());
    };
    let (opened, stream) = oneshot::channel();
    let span = tracing::Span::current();
    let work = move || {
        let _source = span.entered();
        capture::run(&device, options, opened);
        drop(held);
    };
    let spawned = std::thread::Builder::new().name("v4l2".to_owned()).spawn(work);
    spawned.map_err(|e| SourceError::Failed(format!("start a thread for the device: {e}")))?;
    // Gone without a word, the thread has panicked.
    let unread = "the device says of itself what can't be read: see the agent's log";
    stream.await.unwrap_or_else(|_| Err(SourceError::Failed(unread.to_owned())))
}
