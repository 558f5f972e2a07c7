//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces a file, for this program's user alone. Though the power fails, it then holds the old content or the new.
///
/// # Errors
/// Where the system says no.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = write_beside(path, content)?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Writes what is to take the place of `path` into a file beside it, which belongs to this process and its user alone, and
/// gives that file's path.
///
/// # Errors
/// Where the system says no.
pub fn write_beside(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(new)
}

/// Puts on disk which files the folder of `path` holds: a renamed or linked file survives a power cut only then.
///
/// # Errors
/// Where the system says no.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        // Of a bare name it is the empty path, which can't be opened.
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        for content in [&b"old and long"[..], b"new"] {
            replace(&path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_bare_name_is_of_the_folder_that_the_program_is_in() {
        let here = tempfile::NamedTempFile::new_in(".").unwrap();
        let name = Path::new(here.path().file_name().unwrap());
        replace(name, b"new").unwrap();
        assert_eq!(fs::read(here.path()).unwrap(), b"new");
    }

    #[test]
    fn where_there_is_no_folder_the_error_is_given() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(replace(&folder.path().join("no/file"), b"").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
