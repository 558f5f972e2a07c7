//! Small files of the data folder that only their owner may read, written whole or not at all. What root makes there belongs
//! to whom the folder belongs to: `cloud-hub join` is root's on most machines, and the hub another user's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown};
use std::path::{Path, PathBuf};

use omma_runtime::file;

/// Longest file read here.
const MAX: u64 = 1024 * 1024;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error("{doing} {path}: {source}")]
    Io {
        /// Verb.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path}: expected {what}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
}

fn at<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> FileError + 'a {
    move |source| FileError::Io { doing, path: path.into(), source }
}

/// Makes a folder, and what is above it, that only its owner may enter. One that is there already, and root's, since an earlier
/// version did not hand it over, is handed over now.
///
/// # Errors
/// Where the system says no.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return match hand_over(path) {
            // Only root may, and for whoever is not it was good so far.
            Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
            done => done.map_err(at("hand over", path)),
        };
    }
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        hand_over(path)
    };
    make().map_err(at("make the folder", path))
}

/// Gives what root has just made to the owner of the folder that it is in; of a link, which that owner may have put there, not
/// what it points to.
fn hand_over(path: &Path) -> io::Result<()> {
    let around = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (made, around) = (fs::symlink_metadata(path)?, fs::metadata(around)?);
    if made.uid() != 0 || around.uid() == 0 {
        return Ok(());
    }
    lchown(path, Some(around.uid()), Some(around.gid()))
}

/// Holds the folder's files for this program until dropped; waits for another program that has them. `cloud-hub join`
/// and a hub that starts at the same time would else each make certificates, and mix them.
///
/// # Errors
/// Where the system says no.
pub fn lock(folder: &Path) -> Result<File, FileError> {
    let path = folder.join(".lock");
    let open = || {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        hand_over(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(at("lock", &path))
}

/// The whole file.
///
/// # Errors
/// Where it can't be read or is larger than 1 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let length = fs::metadata(path).map_err(at("read", path))?.len();
    if length > MAX {
        return Err(FileError::Content { path: path.into(), what: "a file of at most 1 MiB" });
    }
    fs::read(path).map_err(at("read", path))
}

/// Replaces a file; after a crash it holds the old content or the new.
///
/// # Errors
/// Where the system says no.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let replace = || {
        let new = file::write_beside(path, content)?;
        hand_over(&new)?;
        fs::rename(&new, path)?;
        file::sync_folder(path)
    };
    replace().map_err(at("write", path))
}

/// Reads a file, or makes it where there is none. Of two programs that make it at the same time one wins, and both
/// read the same.
///
/// # Errors
/// Where the system says no, or `make` does.
pub fn read_or_make(path: &Path, make: impl FnOnce() -> io::Result<Vec<u8>>) -> Result<Vec<u8>, FileError> {
    if !path.try_exists().map_err(at("read", path))? {
        let content = make().map_err(at("make", path))?;
        let new = file::write_beside(path, &content).map_err(at("write", path))?;
        hand_over(&new).map_err(at("hand over", path))?;
        let linked = fs::hard_link(&new, path);
        fs::remove_file(&new).map_err(at("remove", &new))?;
        match linked {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(at("write", path)(e)),
            _ => file::sync_folder(path).map_err(at("sync the folder of", path))?,
        }
    }
    read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_at_the_same_time_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read: Vec<_> = std::thread::scope(|s| {
            let each: Vec<_> = (0..8u8)
                .map(|i| {
                    let path = path.clone();
                    // Threads share a process id, which names the file beside: as processes would, they take turns.
                    s.spawn(move || if i == 0 { read_or_make(&path, || Ok(vec![i])) } else { wait_and_read(&path, i) })
                })
                .collect();
            each.into_iter().map(|t| t.join().unwrap().unwrap()).collect()
        });
        assert!(read.iter().all(|content| *content == read[0]), "{read:?}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    fn wait_and_read(path: &Path, i: u8) -> Result<Vec<u8>, FileError> {
        while !path.exists() {
            std::thread::yield_now();
        }
        read_or_make(path, || Ok(vec![i]))
    }

    /// `cloud-hub join` as root made secrets that a hub of another user could not read, and refused the edge for good.
    #[test]
    fn what_root_writes_into_another_users_folder_is_that_users() {
        const OTHER: u32 = 61_234;
        let folder = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(folder.path(), Some(OTHER), Some(OTHER)).is_err() {
            // Only root may.
            return;
        }
        let (edges, lock_file) = (folder.path().join("edges"), folder.path().join(".lock"));
        let (secret, token) = (edges.join("site"), folder.path().join("token"));
        drop(lock(folder.path()).unwrap());
        make_folder(&edges).unwrap();
        write_private(&secret, b"x").unwrap();
        read_or_make(&token, || Ok(vec![1])).unwrap();
        for path in [&lock_file, &edges, &secret, &token] {
            let made = fs::metadata(path).unwrap();
            assert_eq!((made.uid(), made.gid()), (OTHER, OTHER), "{}", path.display());
        }
        make_folder(folder.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().uid(), OTHER);
    }

    /// A folder that an older `cloud-hub join` had made as root gave its owner's name to all that came into it later.
    #[test]
    fn a_folder_of_before_that_is_roots_does_not_stay_so() {
        const OTHER: u32 = 61_234;
        let folder = tempfile::tempdir().unwrap();
        let edges = folder.path().join("edges");
        fs::create_dir(&edges).unwrap();
        if std::os::unix::fs::chown(folder.path(), Some(OTHER), Some(OTHER)).is_err() {
            // Only root may.
            return;
        }
        make_folder(&edges).unwrap();
        write_private(&edges.join("site"), b"x").unwrap();
        for path in [&edges, &edges.join("site")] {
            assert_eq!(fs::metadata(path).unwrap().uid(), OTHER, "{}", path.display());
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_private(&folder.path().join("no/such"), b"x").unwrap_err().to_string();
        assert!(error.contains("no/such"), "{error}");
    }
}
