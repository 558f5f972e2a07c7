//! Secrets of edges: one file each in `data/edges`, holding the SHA-256 as hexadecimal.
//!
//! A file for each, because `cloud-hub join` makes one while the hub runs: the hub reads it when the edge knocks, so
//! that a new secret works at once and the one before it no more. A connection that is up stays up.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use omma_protocol::id::EdgeId;
use omma_protocol::secret::Secret;
use subtle::ConstantTimeEq;

use super::{hash, new_secret};
use crate::identity::files::{self, FileError};

const FOLDER: &str = "edges";

/// The edges that may come in.
#[derive(Debug, Clone)]
pub struct Edges {
    folder: PathBuf,
}

impl Edges {
    /// Makes the folder where there is none yet.
    ///
    /// # Errors
    /// Where the system says no.
    pub fn open(data: &Path) -> Result<Self, FileError> {
        let folder = data.join(FOLDER);
        files::make_folder(&folder)?;
        Ok(Self { folder })
    }

    /// Makes a fresh secret for an edge; the one before it ends.
    ///
    /// # Errors
    /// Where the file can't be written or the system has no randomness.
    pub fn issue(&self, edge: &EdgeId) -> Result<Secret<String>, FileError> {
        let path = self.path(edge);
        let secret =
            new_secret().map_err(|source| FileError::Io { doing: "make a secret for", path: path.clone(), source })?;
        let mut text = hex(&hash(secret.expose()));
        text.push('\n');
        files::write_private(&path, text.as_bytes())?;
        Ok(secret)
    }

    /// Whether a secret was ever made for this edge.
    pub fn knows(&self, edge: &EdgeId) -> bool {
        self.path(edge).is_file()
    }

    /// Whether `secret` is the edge's. An edge that never got one and a file that can't be read are the same as a
    /// wrong secret.
    pub fn check(&self, edge: &EdgeId, secret: &str) -> bool {
        let kept = match files::read(&self.path(edge)) {
            Ok(kept) => kept,
            Err(FileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return false,
            Err(e) => {
                tracing::warn!(step = "ingest", %edge, error = %e, "an edge can't be let in: its secret can't be read");
                return false;
            }
        };
        hex(&hash(secret)).as_bytes().ct_eq(kept.trim_ascii()).into()
    }

    fn path(&self, edge: &EdgeId) -> PathBuf {
        // Names hold neither dots nor slashes, so that none leads out of the folder or hits a file being written.
        self.folder.join(edge.as_str())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_ends_the_one_before_and_none_is_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (edges, edge) = (Edges::open(folder.path()).unwrap(), "site".parse().unwrap());
        assert!(!edges.check(&edge, ""));
        assert!(!edges.knows(&edge));
        let first = edges.issue(&edge).unwrap();
        assert!(edges.knows(&edge));
        assert!(edges.check(&edge, first.expose()));
        let second = edges.issue(&edge).unwrap();
        assert!(edges.check(&edge, second.expose()) && !edges.check(&edge, first.expose()));
        assert!(!edges.check(&"other".parse().unwrap(), second.expose()));
        let kept = std::fs::read_to_string(folder.path().join("edges/site")).unwrap();
        assert!(!kept.contains(second.expose().as_str()));
    }
}
