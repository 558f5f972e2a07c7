//! Where set-up has put what these tests need.

use std::path::PathBuf;

/// A file or folder that an environment variable names. Tests that can't have it fail, rather than pass unseen.
#[expect(clippy::disallowed_methods, reason = "set-up says so in variables")]
#[allow(clippy::panic, reason = "a test that can't be run has failed")]
pub(crate) fn path(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set: run `make setup`, and tests by `make test`"),
    }
}
