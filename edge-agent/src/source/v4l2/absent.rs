//! In place of what opens devices, in a build that can open none. The configuration has been refused by then.

use std::path::Path;

use tokio::sync::oneshot;

use super::Stream;
use crate::config::checked::DeviceOptions;
use crate::source::error::SourceError;

/// Says why.
pub(super) fn run(_: &Path, _: DeviceOptions, opened: oneshot::Sender<Result<Stream, SourceError>>) {
    let fault = super::fault().unwrap_or_default().to_owned();
    opened.send(Err(SourceError::Unusable(fault))).unwrap_or_default();
}
