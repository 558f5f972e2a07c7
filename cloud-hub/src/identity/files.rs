//! Small files of the data folder that only their owner may read, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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

/// Makes a folder, and what is above it, that only its owner may enter.
///
/// # Errors
/// Where the system says no.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at("make the folder", path))
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
    file::replace(path, content).map_err(at("write", path))
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

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_private(&folder.path().join("no/such"), b"x").unwrap_err().to_string();
        assert!(error.contains("no/such"), "{error}");
    }
}
