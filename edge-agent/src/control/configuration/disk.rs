//! What of a configuration is on disk, in the edge's data folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use omma_protocol::secret::Secret;
use omma_runtime::file;
use sha2::{Digest, Sha256};

use super::Version;
use crate::config::checked::Config;

/// The text that is in force. It holds the cameras' passwords.
pub const KEPT: &str = "cameras.toml";
/// Which text is or was on trial, and was not kept.
const TRIED: &str = "cameras.tried";
/// Is there while the hub says which cameras there are.
const BY_HUB: &str = "cameras.by-hub";

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn new(data: &Path) -> Self {
        Self(data.to_owned())
    }

    /// What was kept. Blocks.
    ///
    /// # Errors
    /// Why it can't be used.
    pub(super) fn read_kept(&self, file: &Config) -> Result<Option<(Config, Version)>, Vec<String>> {
        let path = self.0.join(KEPT);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(vec![format!("{} can't be read: {e}", path.display())]),
        };
        let config = file.with_cameras(&text).map_err(|faults| faults.lines().collect::<Vec<_>>())?;
        let cameras = config.cameras.iter().cloned().map(Arc::new).collect();
        let hash = Some(hash(text.as_bytes()));
        Ok(Some((config, Version { cameras, hash, text: Secret::new(text) })))
    }

    /// Whether the hub said which cameras there are when that was last said. Blocks.
    pub(super) fn is_by_hub(&self) -> bool {
        self.0.join(BY_HUB).exists()
    }

    /// The hub says so from now on, or no more.
    pub(super) async fn set_by_hub(&self, by_hub: bool) -> io::Result<()> {
        if by_hub { self.write(BY_HUB, Secret::new(String::new())).await } else { self.remove(BY_HUB).await }
    }

    /// Keeps a text; without one, that of before goes.
    pub(super) async fn keep(&self, version: &Version) -> io::Result<()> {
        match version.hash {
            Some(_) => self.write(KEPT, version.text.clone()).await,
            None => self.remove(KEPT).await,
        }
    }

    /// What is tried from now on.
    pub(super) async fn tries(&self, mark: &str) -> io::Result<()> {
        self.write(TRIED, Secret::new(mark.to_owned())).await
    }

    /// Whether this was tried and not kept.
    pub(super) async fn has_tried(&self, mark: &str) -> bool {
        let path = self.0.join(TRIED);
        on_disk(move || fs::read_to_string(path)).await.is_ok_and(|tried| tried == mark)
    }

    /// What was tried is kept.
    pub(super) async fn tried(&self) -> io::Result<()> {
        self.remove(TRIED).await
    }

    async fn write(&self, name: &str, text: Secret<String>) -> io::Result<()> {
        let path = self.0.join(name);
        on_disk(move || file::replace(&path, text.expose().as_bytes())).await
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        on_disk(move || match fs::remove_file(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| file::sync_folder(&path)),
        })
        .await
    }
}

/// Where it may block.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("it failed")))
}

/// By which a text is known again.
pub(super) fn hash(text: &[u8]) -> String {
    format!("{:x}", Sha256::digest(text))
}
