//! Who is let in: people by the sign-in token, edges by the secret of their join token.
//!
//! The sign-in token is made at the first start and kept in the data folder, readable by its owner only. Of an edge's
//! secret only the SHA-256 is kept: 32 random bytes can't be guessed, so that a slow password hash would add nothing.

pub mod edges;

pub mod attempts;

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use omma_protocol::secret::Secret;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::identity::files::{self, FileError};

const TOKEN_FILE: &str = "sign-in-token";

/// The sign-in token's keeper. Clones share it.
#[derive(Debug, Clone)]
pub struct Access {
    token: Arc<Secret<String>>,
}

impl Access {
    /// Reads the token from the data folder; makes it where there is none yet.
    ///
    /// # Errors
    /// Where the folder can't be read or written, or the system has no randomness.
    pub fn open(data: &Path) -> Result<Self, FileError> {
        let path = data.join(TOKEN_FILE);
        let token = files::read_or_make(&path, || Ok(new_secret()?.expose().clone().into_bytes()))?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        if token.len() < 32 {
            return Err(FileError::Content { path, what: "a sign-in token of at least 32 characters" });
        }
        Ok(Self { token: Arc::new(Secret::new(token)) })
    }

    /// Whether `token` is the sign-in token. Takes the same time wherever the two first differ.
    pub fn check(&self, token: &str) -> bool {
        // Hashing first gives both sides one length, so that not even the length can be timed.
        hash(token).ct_eq(&hash(self.token.expose())).into()
    }

    /// The token itself, to be printed where the operator asked for it.
    pub fn token(&self) -> &Secret<String> {
        &self.token
    }
}

/// SHA-256 of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 32 bytes of the system's randomness as URL-safe text.
///
/// # Errors
/// Where the system has no randomness.
pub fn new_secret() -> Result<Secret<String>, std::io::Error> {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_outlives_a_restart_and_only_it_opens() {
        let folder = tempfile::tempdir().unwrap();
        let first = Access::open(folder.path()).unwrap();
        let again = Access::open(folder.path()).unwrap();
        let token = first.token().expose();
        assert!(again.check(token));
        assert!(!again.check(""));
        assert!(!again.check(&token[..token.len() - 1]));
        assert!(!again.check(&format!("{token}x")));
        assert!(!format!("{first:?}").contains(token.as_str()));
    }

    #[test]
    fn a_token_cut_short_by_a_full_disk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TOKEN_FILE), "abc").unwrap();
        assert!(Access::open(folder.path()).unwrap_err().to_string().contains("sign-in"));
    }
}
