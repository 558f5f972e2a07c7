//! What edges shall be, as the operator last said: kept here and told to each edge at every connection, so that it holds
//! though edge and hub be restarted, or the edge be away when it is said.
//!
//! One file for each edge in `data/desired`, readable by its owner only: the text holds the passwords of cameras. It is given
//! to that edge alone ([`crate::ingest::quic`]), over its own connection; nobody reads it back over the interface or the
//! broker, and no log shows it.
//!
//! An edge of which nothing was ever desired has no file. One whose own file is in force again has a file with an empty text:
//! it may have been away when that was said.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use omma_protocol::id::EdgeId;
use omma_protocol::secret::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::identity::files::{self, FileError};

const FOLDER: &str = "desired";

/// What one edge shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// When it was said, µs since the epoch by the hub's clock; higher each time, though the clock step back.
    pub revision: u64,
    /// TOML. Empty for the edge's own file.
    pub text: Arc<Secret<String>>,
    /// SHA-256 of the text in hexadecimal; `None` for the edge's own file.
    pub digest: Option<String>,
}

/// All that is desired, by edge.
pub type Wishes = BTreeMap<EdgeId, Wish>;

/// As it lies on disk. Does not derive `Debug`, which would show the text.
#[derive(Serialize, Deserialize)]
struct Kept {
    revision: u64,
    text: String,
}

/// The keeper. Clones share it.
#[derive(Debug, Clone)]
pub struct Desired(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Held while a file is written: the newest on disk is the newest here.
    turn: Mutex<()>,
    wishes: watch::Sender<Arc<Wishes>>,
}

impl Desired {
    /// Reads what is desired; makes the folder where there is none yet. Blocks. Of an edge whose file can't be used nothing is
    /// desired until it is said again, which is logged: the edge stays as it is.
    ///
    /// # Errors
    /// Where the system says no.
    pub fn open(data: &Path) -> Result<Self, FileError> {
        let folder = data.join(FOLDER);
        files::make_folder(&folder)?;
        let listed = |source| FileError::Io { doing: "read the folder", path: folder.clone(), source };
        let mut wishes = Wishes::new();
        for entry in fs::read_dir(&folder).map_err(listed)? {
            let name = entry.map_err(listed)?.file_name();
            // A file that was being written when the hub died holds a dot, and no name does.
            let Some(edge) = name.to_str().and_then(|name| name.parse::<EdgeId>().ok()) else { continue };
            match read(&folder.join(edge.as_str())) {
                Ok(wish) => {
                    wishes.insert(edge, wish);
                }
                Err(e) => {
                    tracing::warn!(step = "ingest", %edge, error = %e, "what is desired of an edge can't be read: say it again");
                }
            }
        }
        Ok(Self(Arc::new(Inner { folder, turn: Mutex::default(), wishes: watch::Sender::new(Arc::new(wishes)) })))
    }

    /// What is desired of an edge, where it was ever said.
    pub fn of(&self, edge: &EdgeId) -> Option<Wish> {
        self.0.wishes.borrow().get(edge).cloned()
    }

    /// All of it now, and whenever some of it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Wishes>> {
        self.0.wishes.subscribe()
    }

    /// Desires this from now on; an empty text is the edge's own file. It is on disk when this returns. Who stops waiting
    /// stops nothing: what is written is what is desired, and one is written after the other.
    ///
    /// # Errors
    /// Where the disk does not take it: then what was desired before is.
    pub async fn set(&self, edge: &EdgeId, text: Secret<String>) -> Result<(), FileError> {
        let (desired, edge) = (self.clone(), edge.clone());
        let path = self.0.folder.join(edge.as_str());
        let lost = |e| FileError::Io { doing: "write", path, source: std::io::Error::other(e) };
        tokio::task::spawn_blocking(move || desired.write(&edge, &text)).await.unwrap_or_else(|e| Err(lost(e)))
    }

    /// Blocks.
    fn write(&self, edge: &EdgeId, text: &Secret<String>) -> Result<(), FileError> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.of(edge).map_or(0, |wish| wish.revision);
        let kept = Kept { revision: now_us().max(before + 1), text: text.expose().clone() };
        // A number and a text always are JSON.
        files::write_private(&self.0.folder.join(edge.as_str()), &serde_json::to_vec(&kept).unwrap_or_default())?;
        self.0.wishes.send_modify(|wishes| {
            Arc::make_mut(wishes).insert(edge.clone(), Wish::from(kept));
        });
        Ok(())
    }
}

impl From<Kept> for Wish {
    fn from(Kept { revision, text }: Kept) -> Self {
        let digest = (!text.is_empty()).then(|| format!("{:x}", Sha256::digest(&text)));
        Self { revision, text: Arc::new(Secret::new(text)), digest }
    }
}

fn read(path: &Path) -> Result<Wish, FileError> {
    let content = files::read(path)?;
    // What serde says of it may show it.
    let kept: Result<Kept, _> = serde_json::from_slice(&content);
    kept.map(Wish::from).map_err(|_| FileError::Content { path: path.into(), what: "what is desired of an edge" })
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_is_desired_outlives_a_restart_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (site, other): (EdgeId, EdgeId) = ("site".parse().unwrap(), "other".parse().unwrap());
        let desired = Desired::open(folder.path()).unwrap();
        assert_eq!(desired.of(&site), None);
        let mut watch = desired.watch();
        desired.set(&site, Secret::new("first".to_owned())).await.unwrap();
        assert!(watch.has_changed().unwrap());
        let first = watch.borrow_and_update()[&site].clone();
        // The same again is another wish.
        desired.set(&site, Secret::new("first".to_owned())).await.unwrap();
        let second = desired.of(&site).unwrap();
        assert!(second.revision > first.revision && second.digest == first.digest && first.digest.is_some());
        desired.set(&other, Secret::new(String::new())).await.unwrap();

        let path = folder.path().join("desired/site");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("desired")).unwrap().permissions().mode() & 0o777, 0o700);
        // What a hub that died while it wrote leaves.
        fs::write(folder.path().join("desired/site.7.new"), "{").unwrap();
        let again = Desired::open(folder.path()).unwrap();
        assert_eq!(again.of(&site), Some(second));
        assert_eq!(again.of(&other).map(|wish| wish.digest), Some(None));
        assert_eq!(again.watch().borrow().len(), 2);
        assert!(!format!("{again:?}").contains("first"));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (site, other): (EdgeId, EdgeId) = ("site".parse().unwrap(), "other".parse().unwrap());
        let desired = Desired::open(folder.path()).unwrap();
        desired.set(&other, Secret::new("x".to_owned())).await.unwrap();
        fs::write(folder.path().join("desired/site"), "{\"revision\": \"pw-secret\"}").unwrap();
        let error = read(&folder.path().join("desired/site")).unwrap_err().to_string();
        assert!(error.contains("desired/site") && !error.contains("pw-secret"), "{error}");
        let again = Desired::open(folder.path()).unwrap();
        assert!(again.of(&site).is_none() && again.of(&other).is_some());
        again.set(&site, Secret::new("y".to_owned())).await.unwrap();
        assert!(Desired::open(folder.path()).unwrap().of(&site).is_some());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_on_disk_and_desired_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let site: EdgeId = "site".parse().unwrap();
        let desired = Desired::open(folder.path()).unwrap();
        let mut watch = desired.watch();
        tokio::select! {
            biased;
            written = desired.set(&site, Secret::new("x".to_owned())) => written.unwrap(),
            () = std::future::ready(()) => {}
        }
        watch.changed().await.unwrap();
        assert_eq!(desired.of(&site), Desired::open(folder.path()).unwrap().of(&site));
    }

    #[tokio::test]
    async fn what_the_disk_does_not_take_is_not_desired() {
        let folder = tempfile::tempdir().unwrap();
        let site: EdgeId = "site".parse().unwrap();
        let desired = Desired::open(folder.path()).unwrap();
        fs::remove_dir(folder.path().join("desired")).unwrap();
        assert!(desired.set(&site, Secret::new("x".to_owned())).await.is_err());
        assert_eq!(desired.of(&site), None);
    }
}
