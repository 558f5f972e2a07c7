//! Pictures as files, under `{edge}/{camera}/…`.

use std::path::Path;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path as Place};
use omma_protocol::id::EdgeId;

use super::StoreError;
use crate::identity::files;

/// No camera's folder: there is a dot in none's name.
const TRIAL: &str = "trial.tmp";

#[derive(Debug)]
pub(super) struct Objects(LocalFileSystem);

impl Objects {
    /// Opens a folder, and makes it where it is missing. Files are on disk when they are said to be, and folders go with their
    /// last file: whoever writes or removes one does so alone.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        files::make_folder(folder).map_err(StoreError::at("open the pictures"))?;
        let local = LocalFileSystem::new_with_prefix(folder).map_err(StoreError::at("open the pictures"))?;
        Ok(Self(local.with_fsync(true).with_automatic_cleanup(true)))
    }

    /// Writes a file of these parts, one behind the other.
    pub(super) async fn put(&self, place: &str, parts: impl Iterator<Item = Bytes>) -> Result<(), StoreError> {
        self.0.put(&Place::from(place), parts.collect()).await.map_err(StoreError::at("write a picture"))?;
        Ok(())
    }

    /// Whether a file of these parts could be written in that edge's folder, beside its cameras'.
    pub(super) async fn could_put(&self, edge: &EdgeId, parts: impl Iterator<Item = Bytes>) -> bool {
        let trial = format!("{edge}/{TRIAL}");
        let could = self.put(&trial, parts).await.is_ok();
        self.remove(&trial).await;
        could
    }

    /// A part of a file, or all of it. `None` where there is none.
    pub(super) async fn get(&self, place: &str, range: Option<GetRange>) -> Result<Option<Bytes>, StoreError> {
        let options = GetOptions { range, ..GetOptions::default() };
        let read = async { self.0.get_opts(&Place::from(place), options).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(StoreError::at("read a picture")(e)),
        }
    }

    /// Removes what nothing points to any more. True where it is gone. That it stays costs a little room and nothing else.
    pub(super) async fn remove(&self, place: &str) -> bool {
        match self.0.delete(&Place::from(place)).await {
            Ok(()) | Err(Error::NotFound { .. }) => true,
            Err(e) => {
                metrics::counter!("omma_store_pictures_left_total").increment(1);
                tracing::debug!(place, error = %e, "remove a picture");
                false
            }
        }
    }

    /// How large a file is; 0 where it can't be seen.
    pub(super) async fn bytes(&self, place: &str) -> u64 {
        match self.0.head(&Place::from(place)).await {
            Ok(found) => found.size,
            Err(e) => {
                tracing::debug!(place, error = %e, "see how large a picture is");
                0
            }
        }
    }
}
